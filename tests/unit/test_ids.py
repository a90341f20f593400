import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.errors import MalformedError
from exchange.ids import (
    AgencyId,
    ContractRef,
    DatasetId,
    Version,
    digest_of,
    parse_digest,
    parse_jurisdiction,
)

PARSERS = [
    parse_jurisdiction,
    AgencyId.parse,
    DatasetId.parse,
    Version.parse,
    ContractRef.parse,
    parse_digest,
]

names = st.from_regex(r"[a-z][a-z0-9]{0,8}(-[a-z0-9]{1,8}){0,3}", fullmatch=True)
jurisdictions = st.from_regex(r"[1-9][0-9]0000", fullmatch=True)
agencies = st.builds(AgencyId, jurisdictions, names)
numbers = st.integers(0, 999_999)
versions = st.builds(Version, numbers, numbers, numbers)


@given(agencies)
def test_agency_reads_what_it_writes(agency: AgencyId) -> None:
    assert AgencyId.parse(str(agency)) == agency


@given(st.builds(DatasetId, agencies, names))
def test_dataset_reads_what_it_writes(dataset: DatasetId) -> None:
    assert DatasetId.parse(str(dataset)) == dataset


@given(st.builds(ContractRef, names, versions))
def test_contract_reads_what_it_writes(contract: ContractRef) -> None:
    assert ContractRef.parse(str(contract)) == contract


@given(versions, versions)
def test_versions_order_by_number(one: Version, other: Version) -> None:
    as_numbers = (one.major, one.minor, one.patch) < (other.major, other.minor, other.patch)
    assert (one < other) is as_numbers


@given(st.text() | st.text(alphabet="/.@-:0159azAZ\n\0٣", max_size=80))
def test_no_text_raises_anything_else(text: str) -> None:
    for parse in PARSERS:
        try:
            parsed = parse(text)
        except MalformedError:
            continue
        assert str(parsed) == text


@pytest.mark.parametrize(
    "text",
    ["", "500", "5000000", "500001", "000000", "050000", "５０００００", "500000\n", " 500000", "50000O"],
)
def test_not_a_jurisdiction(text: str) -> None:
    with pytest.raises(MalformedError):
        parse_jurisdiction(text)


@pytest.mark.parametrize(
    "text",
    [
        "500000",
        "500000/",
        "/ecology",
        "500000/ecology/",
        "500000/Ecology",
        "500000/-ecology",
        "500000/ecology-",
        "500000/eco--logy",
        "500000/9ecology",
        "500000/eco_logy",
        "500000/..",
        "500000/生态",
        "500000/ecology\n",
        "500000/" + "a" * 64,
    ],
)
def test_not_an_agency(text: str) -> None:
    with pytest.raises(MalformedError):
        AgencyId.parse(text)


@pytest.mark.parametrize(
    "text",
    ["water-quality", "500000/ecology", "500000/ecology/../x", "500000/ecology/water quality", "500000//x"],
)
def test_not_a_dataset(text: str) -> None:
    with pytest.raises(MalformedError):
        DatasetId.parse(text)


@pytest.mark.parametrize(
    "text", ["1", "1.0", "1.0.0.0", "01.0.0", "1.0.0-rc1", "1.0.-1", "1.0.1000000", "١.0.0"]
)
def test_not_a_version(text: str) -> None:
    with pytest.raises(MalformedError):
        Version.parse(text)


@pytest.mark.parametrize(
    "text", ["water-quality", "water-quality@", "@1.0.0", "a@b@1.0.0", "water-quality@1"]
)
def test_not_a_contract(text: str) -> None:
    with pytest.raises(MalformedError):
        ContractRef.parse(text)


@pytest.mark.parametrize(
    "text",
    ["", "0" * 64, "sha256:" + "0" * 63, "sha256:" + "A" * 64, "sha512:" + "0" * 64, "sha256:" + "0" * 65],
)
def test_not_a_digest(text: str) -> None:
    with pytest.raises(MalformedError):
        parse_digest(text)


def test_a_long_name_does_not_fill_the_message() -> None:
    with pytest.raises(MalformedError) as caught:
        AgencyId.parse("500000/" + "x" * 1_000_000)
    assert len(str(caught.value)) < 300


def test_spiffe_id() -> None:
    agency = AgencyId.parse("500000/natural-resources")
    assert agency.spiffe_id == "spiffe://500000/natural-resources"


# FIPS 180-4 example: SHA-256 of "abc".
@pytest.mark.parametrize("data", [b"abc", memoryview(b"abc")])
def test_digest(data: bytes | memoryview) -> None:
    digest = digest_of(data)
    assert digest == "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert parse_digest(digest) == digest == "sha256:" + hashlib.sha256(b"abc").hexdigest()
