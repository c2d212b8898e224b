from pathlib import Path

from flows.edges.files.staging import put_in_place, staged_file, sweep


def test_a_staged_file_takes_its_place_whole(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "file"
    with staged_file(tmp_path / "staging") as file:
        file.write(b"content")
        assert not target.exists()
        put_in_place(file, target)
    assert target.read_bytes() == b"content"
    assert list((tmp_path / "staging").iterdir()) == []


def test_a_staged_file_goes_with_its_block(tmp_path: Path) -> None:
    with staged_file(tmp_path) as file:
        file.write(b"half")
        assert len(list(tmp_path.iterdir())) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_sweep_takes_what_was_left_and_not_what_is_being_written(tmp_path: Path) -> None:
    (tmp_path / "left.part").write_bytes(b"half")
    (tmp_path / "other").write_bytes(b"not ours")
    with staged_file(tmp_path) as file:
        sweep(tmp_path)
        assert Path(file.name).exists()
        assert {path.name for path in tmp_path.iterdir()} == {"other", Path(file.name).name}


def test_a_folder_that_is_not_there_needs_no_sweep(tmp_path: Path) -> None:
    sweep(tmp_path / "nowhere")
