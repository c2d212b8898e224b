#!/usr/bin/env bash
# An exception inside "with fs.open(..., 'wb')" of s3fs commits what was written so far: the good object of yesterday is
# replaced by half of today's. fsspec's own transaction keeps it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -qq --no-compile "s3fs==2026.9.0" "moto[s3,server]==5.2.5" "aiobotocore==3.10.0" "boto3==1.43.117" "botocore==1.43.117" || exit 2
cd "$folder"
env/bin/python - <<'END'
import logging
import os
import sys
from importlib.metadata import version

os.environ |= {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_DEFAULT_REGION": "us-east-1"}
import s3fs
from moto.server import ThreadedMotoServer

logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
try:
    host, port = server.get_host_and_port()
    bucket = s3fs.S3FileSystem(endpoint_url=f"http://127.0.0.1:{port}", skip_instance_cache=True)
    bucket.mkdir("candles")

    def interrupted(transaction: bool) -> bytes:
        bucket.pipe("candles/daily.csv", b"yesterday, whole")
        try:
            if transaction:
                with bucket.transaction, bucket.open("candles/daily.csv", "wb") as file:
                    file.write(b"today, ha")
                    raise KeyError("the source broke off")
            with bucket.open("candles/daily.csv", "wb") as file:
                file.write(b"today, ha")
                raise KeyError("the source broke off")
        except KeyError:
            return bucket.cat("candles/daily.csv")

    plain, within = interrupted(transaction=False), interrupted(transaction=True)
finally:
    server.stop()
print("s3fs", version("s3fs"), "moto", version("moto"))
print("after the exception:", plain, "- within a transaction:", within)
sys.exit(0 if plain == b"today, ha" and within == b"yesterday, whole" else 1)
END
