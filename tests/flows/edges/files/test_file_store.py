import boto3
import pytest
import s3fs

from flows.edges.files.file_store import open_file_store
from flows.edges.files.targets import publish, read_published
from flows.edges.snapshots.objects import SnapshotObjects

pytestmark = pytest.mark.slow

SHA256 = "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9"


@pytest.fixture(autouse=True)
def fresh() -> None:
    """A process that has not talked to the bucket yet."""
    s3fs.S3FileSystem.clear_instance_cache()


def another_machine_writes(key: str, content: bytes) -> None:
    boto3.client("s3").put_object(Bucket="coincast", Key=key, Body=content)


def test_what_another_machine_writes_after_a_listing_is_read(bucket: str) -> None:
    store, root = open_file_store(f"{bucket}/listed")
    another_machine_writes("listed/old.txt", b"old")
    assert store.ls(root) == ["coincast/listed/old.txt"]
    another_machine_writes("listed/new.txt", b"new")
    assert store.cat_file(f"{root}/new.txt") == b"new"
    assert store.cat([f"{root}/new.txt"]) == {f"{root}/new.txt": b"new"}
    assert store.exists(f"{root}/new.txt")
    with store.open(f"{root}/new.txt") as file:
        assert file.read() == b"new"
    assert len(store.ls(root)) == 2
    boto3.client("s3").delete_object(Bucket="coincast", Key="listed/old.txt")
    assert not store.exists(f"{root}/old.txt")


def test_a_snapshot_of_another_machine_is_whole_after_a_listing(bucket: str) -> None:
    import gzip

    here = SnapshotObjects(f"{bucket}/snapshots")
    another_machine_writes("snapshots/objects/b9/notes.txt", b"")
    assert here.names() == {}
    another_machine_writes(here.path(SHA256).partition("/")[2], gzip.compress(b"hello world"))
    assert here.examine(SHA256) == (b"hello world", "whole")
    assert here.written_at(SHA256).tzinfo is not None
    assert list(here.names()) == [SHA256]


def test_a_publication_of_another_machine_is_seen_after_a_listing(bucket: str) -> None:
    target = f"{bucket}/pages"
    publish({"index.html": b"one"}, target)
    store, root = open_file_store(target)
    assert store.find(root) == [f"{root}/index.html"]
    another_machine_writes("pages/latest.json", b"{}")
    assert read_published(["latest.json"], target) == {"latest.json": b"{}"}
