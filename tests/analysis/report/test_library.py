from quarry.analysis.report import library
from quarry.analysis.report.library import charts_library


def test_the_script_is_built_once_and_built_again_where_its_file_is_damaged(tmp_path, monkeypatch):
    built = []
    monkeypatch.setattr(
        library.vl_convert, "javascript_bundle", lambda *words: built.append(words) or f"draw({words})"
    )
    script = charts_library(tmp_path / "scripts")
    assert charts_library(tmp_path / "scripts") == script
    assert len(built) == 1
    (file,) = (tmp_path / "scripts").iterdir()
    file.write_text(script[:-1])
    assert charts_library(tmp_path / "scripts") == script == file.read_text()
    assert len(built) == 2


def test_a_page_needs_no_place_for_the_script(tmp_path, monkeypatch):
    monkeypatch.setattr(library.vl_convert, "javascript_bundle", lambda *words: "draw()")
    (tmp_path / "file").write_text("no folder")
    assert charts_library(tmp_path / "file") == "draw()"
