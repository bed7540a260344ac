from quarry.train.run.description import recorded_command


def test_the_recorded_command_has_the_program_by_name_and_paths_without_detours():
    words = ["/usr/bin/quarry", "train", "/tmp/a/../../home/b/n6k.py", "--workdir", "gs://bucket/a/../runs"]
    assert recorded_command(words) == "quarry train /home/b/n6k.py --workdir gs://bucket/a/../runs"
    assert recorded_command(["/x/quarry/__main__.py", "train", "../n6k.py"]) == "quarry train ../n6k.py"
