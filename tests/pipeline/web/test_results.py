import pytest

from pipeline.base.paths import Paths
from pipeline.web import results
from pipeline.web.desk import NotThere


def test_markdown_loses_its_html_and_its_links():
    html = results.rendered(
        "# A <b>c</b>\n\n<script>alert(1)</script>\n\n[x](javascript:alert(1)) ![y](http://e.org/z)", "t"
    )
    assert "<script" not in html
    assert "<b>" not in html
    assert "href" not in html
    assert "<img" not in html
    assert html.startswith("<h2>A &lt;b&gt;")


def test_tables_scroll_by_themselves_and_have_no_style_of_their_own():
    html = results.rendered("| a | b |\n| - | -: |\n| x | <i> |", 'n"<')
    assert "style=" not in html
    assert '<td class="number">&lt;i&gt;</td>' in html
    assert 'aria-label="n&quot;&lt;, table 1" tabindex="0"' in html


def test_pictures_are_a_list_of_names_and_no_links_elsewhere(tmp_path):
    folder = tmp_path / "results/plots"
    folder.mkdir(parents=True)
    (folder / "a.png").write_bytes(b"x")
    (folder / "b.txt").write_bytes(b"x")
    (tmp_path / "secret.png").write_bytes(b"x")
    (folder / "c.png").symlink_to(tmp_path / "secret.png")
    assert list(results.plots(Paths(tmp_path))) == ["a.png"]


def test_what_is_not_written_yet_is_said(tmp_path):
    with pytest.raises(NotThere, match="no leaderboard yet; run make repro"):
        results.leaderboards(Paths(tmp_path))
    with pytest.raises(NotThere, match=r"results/CARD\.md is not written yet"):
        results.card(Paths(tmp_path))
