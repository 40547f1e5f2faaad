import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats

from mesagym.agents.distributions import Categorical

LOGITS = jnp.array([[0.0, 1.0, -2.0], [3.0, 3.0, 3.0]])
OTHER = jnp.array([[1.0, 0.5, 0.0], [0.0, 1.0, 2.0]])
P, Q = (scipy.special.softmax(np.asarray(x, float), axis=-1) for x in (LOGITS, OTHER))


def test_log_probabilities_are_those_of_the_chosen_actions() -> None:
    found = Categorical(LOGITS).log_prob(jnp.array([1, 2]))
    np.testing.assert_allclose(found, np.log([P[0, 1], P[1, 2]]), rtol=1e-6)


def test_entropy_equals_scipy_s() -> None:
    expected = scipy.stats.entropy(P, axis=-1)
    np.testing.assert_allclose(Categorical(LOGITS).entropy(), expected, rtol=1e-6)


def test_divergence_equals_scipy_s() -> None:
    found = Categorical(LOGITS).kl(Categorical(OTHER))
    np.testing.assert_allclose(found, scipy.stats.entropy(P, Q, axis=-1), rtol=1e-5)


def test_a_distribution_does_not_diverge_from_itself() -> None:
    assert jnp.all(Categorical(LOGITS).kl(Categorical(LOGITS + 5.0)) < 1e-6)


def test_samples_come_as_often_as_their_probability_says() -> None:
    logits = jnp.broadcast_to(LOGITS[0], (20_000, 3))
    drawn = Categorical(logits).sample(jax.random.key(0))
    counts = np.bincount(np.asarray(drawn), minlength=3)
    assert scipy.stats.chisquare(counts, 20_000 * P[0]).pvalue > 1e-3


def test_the_mode_is_the_likeliest_action_and_the_first_of_equals() -> None:
    assert Categorical(LOGITS).mode().tolist() == [1, 0]


def test_an_impossible_action_leaves_entropy_and_its_gradient_finite() -> None:
    logits = jnp.array([0.0, 0.0, -jnp.inf])
    entropy, slope = jax.value_and_grad(lambda x: Categorical(x).entropy())(logits)
    assert entropy == pytest.approx(np.log(2))
    assert jnp.isfinite(slope).all()
