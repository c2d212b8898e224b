"""`coincast settings`: what is in force."""

from flows.command import app
from flows.command.options import JsonOption
from flows.command.output import print_json, print_table


@app.command()
def settings(*, as_json: JsonOption = False) -> None:
    """Show the settings in force, where each comes from, and the places that follow from them.

    Example: coincast settings --json
    """
    from flows.edges.configuration import configuration, setting_origins
    from pipeline.addresses.address import Address

    current, origins = configuration(), setting_origins()
    values = current.settings.model_dump(mode="json")
    values["recipe"] = str(Address(values["recipe"]))
    values["webhook_secret"] = "set" if current.settings.webhook_secret else ""
    places = {name: str(value) for name, value in vars(current.places).items()}
    if as_json:
        print_json({"settings": values, "origins": origins, "places": places})
        return
    print_table("Settings", ("key", "value", "from"), [(*one, origins[one[0]]) for one in values.items()])
    print_table("Places", ("what", "where"), places.items())
