import pytest

from mesagym.errors import UserError
from mesagym.organisms.labels import (
    CONSTRUCTED,
    EMERGENT,
    QUESTIONS,
    SHAPED,
    Label,
    Labels,
    read_labels,
)


def test_labels_come_back_from_a_card_as_they_went() -> None:
    labels = Labels(
        S=Label(True, CONSTRUCTED, "kernels"),
        G=Label(False, SHAPED, "taught"),
        weights=(1.0, 0.0),
        weights_marked=(0.0, 1.0),
    )
    assert read_labels(labels.document()) == labels


def test_what_nobody_labelled_is_emergent_in_every_letter() -> None:
    assert {Labels().of(letter).provenance for letter in QUESTIONS} == {EMERGENT}


@pytest.mark.parametrize(
    ("holds", "provenance"), [(None, CONSTRUCTED), (True, EMERGENT), (True, "guessed")]
)
def test_a_label_that_is_known_and_emergent_is_refused(
    holds: bool | None, provenance: str
) -> None:
    with pytest.raises(UserError, match=r"emergent|guessed"):
        Label(holds, provenance, "")


def test_a_card_without_a_letter_is_refused_by_its_name() -> None:
    document = Labels().document()
    del document["R"]
    with pytest.raises(UserError, match="label R is missing"):
        read_labels(document)
