"""OSC 1.0: address patterns, against the specification and a plain definition."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latentd.osc.packets import matches
from latentd.osc.patterns import MAX_ADDRESS, Addresses, can_match
from tests.support.lines_run import lines_run


@pytest.mark.parametrize(
    ("pattern", "address", "expected"),
    [
        ("/xy", "/xy", True),
        ("/xy", "/xyz", False),
        ("/x?", "/xy", True),
        ("/x?", "/x", False),
        ("/x?", "/x/", False),
        ("/*", "/anything", True),
        ("/*", "/any/thing", False),
        ("/*/xy", "/1/xy", True),
        ("/a*b*c", "/abbbc", True),
        ("/a*b*c", "/abbb", False),
        ("/**", "/", True),
        ("/[abc]", "/b", True),
        ("/[a-c]", "/b", True),
        ("/[a-c]", "/d", False),
        ("/[!a-c]", "/d", True),
        ("/[!a-c]", "/b", False),
        ("/[a-]", "/-", True),
        ("/[]", "/a", False),
        ("/[!]", "/a", True),
        ("/{foo,bar}", "/bar", True),
        ("/{foo,bar}", "/foobar", False),
        ("/{a,ab}{c,bc}", "/abc", True),
        ("/{foo,}x", "/x", True),
        ("/{foo", "/foo", False),
        ("/[foo", "/f", False),
        ("/x.y", "/xzy", False),
        ("/a/b", "/a", False),
    ],
)
def test_address_patterns(pattern: str, address: str, expected: bool) -> None:
    assert matches(pattern, address) is expected


@settings(deadline=None)
@given(st.text("ab*?", max_size=8), st.text("ab", max_size=8))
def test_wildcards_agree_with_the_plain_definition(pattern: str, name: str) -> None:
    def plain(p: str, n: str) -> bool:
        if not p:
            return not n
        if p[0] == "*":
            return any(plain(p[1:], n[i:]) for i in range(len(n) + 1))
        return bool(n) and p[0] in ("?", n[0]) and plain(p[1:], n[1:])

    assert matches("/" + pattern, "/" + name) is plain(pattern, name)


@settings(deadline=None)
@given(st.text("ab*?[]{}!-,/", max_size=40), st.text("ab-!,/", max_size=20))
def test_no_pattern_raises(pattern: str, address: str) -> None:
    assert matches(pattern, address) in (True, False)


KNOWN = ("/a", "/a/b", "/a/ab", "/b/b", "/b/ab", "/ba", "/a/b/a")


@settings(deadline=None)
@given(st.text("ab*?[]{}!-,/", max_size=12))
def test_a_pattern_finds_among_known_addresses_those_that_it_matches(pattern: str) -> None:
    found = Addresses(KNOWN).matching("/" + pattern)
    assert sorted(found) == sorted(address for address in KNOWN if matches("/" + pattern, address))


def test_an_address_that_others_begin_with_is_found_too() -> None:
    assert Addresses(KNOWN).matching("/*") == ["/a", "/ba"]
    assert Addresses(KNOWN).matching("/[ab]/*b") == ["/a/b", "/a/ab", "/b/b", "/b/ab"]


@pytest.mark.parametrize("pattern", ["*a" * 250 + "b", "{a,aa,aaa}" * 50 + "b", "[!b]*" * 100 + "b"])
def test_a_hostile_pattern_takes_few_steps(pattern: str) -> None:
    """The pattern's length times the address's at most; trying all ways of matching would take more than 2**50."""
    assert lines_run(lambda: matches("/" + pattern, "/" + "a" * 500), MAX_ADDRESS**2) > 100


def test_a_pattern_longer_than_any_address_matches_nothing() -> None:
    assert not matches("/" + "*" * 100_000, "/a")


@pytest.mark.parametrize("pattern", ["/a[1-9", "/{a,b", "/{a/b}", "/[a/b]", "/a[]", "/[9-1]x", "/{a}[", "/a/[b"])
def test_a_pattern_whose_brackets_do_not_close_can_match_nothing(pattern: str) -> None:
    assert not can_match(pattern)


@given(st.text("ab/[]{}!-,*?", max_size=8), st.text("ab/", max_size=6))
def test_what_can_match_nothing_does_not(pattern: str, address: str) -> None:
    assert can_match("/" + pattern) or not matches("/" + pattern, "/" + address)


@pytest.mark.parametrize("pattern", ["/", "/a", "/[1-9]/{a,b}*?", "/[!a]", "/{}", "/[a-]"])
def test_a_sound_pattern_can_match_something(pattern: str) -> None:
    assert can_match(pattern)
