"""`coincast settings`: what is in force."""

from flows.command import app
from flows.command.options import JsonOption
from flows.command.output import print_json, print_table


@app.command()
def settings(*, as_json: JsonOption = False) -> None:
    """Show the settings and places in force, after coincast.toml and the environment.

    Example: coincast settings --json
    """
    from flows.edges.configuration import configuration
    from pipeline.addresses.address import Address

    current = configuration()
    values = current.settings.model_dump(mode="json")
    values["recipe"] = str(Address(values["recipe"]))
    values["webhook_secret"] = "set" if current.settings.webhook_secret else ""
    places = {name: str(value) for name, value in vars(current.places).items()}
    if as_json:
        print_json({"settings": values, "places": places})
        return
    print_table("Settings", ("key", "value"), values.items())
    print_table("Places", ("what", "where"), places.items())
