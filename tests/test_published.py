"""Published tables are fetched by address and checksum."""

import pytest

from tests import published


def test_a_table_is_fetched_and_checked(tmp_path, monkeypatch):
    served = tmp_path / "served.csv"
    served.write_text("N,D,loss\n1,2,3\n")
    monkeypatch.setitem(published.ADDRESSES, "small.csv", served.as_uri())
    monkeypatch.setitem(published.SHA256, "small.csv", published._sha256(served.read_bytes()))
    path = published.fetch("small.csv", tmp_path / "cache")
    assert path.read_text() == served.read_text()


def test_another_file_at_the_address_is_refused(tmp_path, monkeypatch):
    served = tmp_path / "served.csv"
    served.write_text("N,D,loss\n1,2,3\n")
    monkeypatch.setitem(published.ADDRESSES, "small.csv", served.as_uri())
    monkeypatch.setitem(published.SHA256, "small.csv", "0" * 64)
    with pytest.raises(ValueError, match="has SHA-256"):
        published.fetch("small.csv", tmp_path / "cache")
    assert not (tmp_path / "cache").exists()
