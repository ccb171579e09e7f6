"""docs/api.md says what the source says."""

import vaestro
from tests.api_page import PAGE, page


def test_the_page_is_made_from_the_source() -> None:
    assert page() == PAGE.read_text(), "write it anew: python -m tests.api_page"


def test_every_exported_name_has_a_section() -> None:
    sections = [line.removeprefix("## ") for line in page().splitlines() if line.startswith("## ")]
    assert sections[: len(vaestro.__all__)] == vaestro.__all__
