import jax
import jax.numpy as jnp
import numpy as np

from mesagym.agents.imitation import Imitation, Lessons, imitate
from mesagym.agents.networks import MLP
from mesagym.agents.policy import NetworkPolicy


def lessons(n: int = 512) -> tuple[Lessons, jax.Array]:
    """A teacher whose answer is known: softmax of a linear map of eight bits."""
    obs = jax.random.bernoulli(jax.random.key(0), shape=(n, 8))
    weights = 2 * jax.random.normal(jax.random.key(1), (8, 3))
    log_p = jax.nn.log_softmax(obs @ weights)
    return Lessons(obs, log_p, {"value": obs.sum(-1).astype(jnp.float32)}), log_p


def student() -> NetworkPolicy:
    return NetworkPolicy(MLP(3, hidden=(32,)))


def taught(how: Imitation) -> tuple[np.ndarray, np.ndarray, np.ndarray, Lessons]:
    shown, _ = lessons()
    policy = student()
    params = policy.init(jax.random.key(2), shown.obs[:2])
    params, curve = imitate(policy, params, shown, jax.random.key(3), how)
    logits, value = policy.evaluate(params, shown.obs)
    return np.asarray(jax.nn.log_softmax(logits)), np.asarray(value), curve, shown


def test_a_student_comes_to_act_as_its_teacher_does() -> None:
    log_p, _, curve, shown = taught(
        Imitation(updates=400, batch=128, learning_rate=1e-2)
    )
    truth = np.asarray(shown.log_probabilities)
    divergence = (np.exp(truth) * (truth - log_p)).sum(-1).mean()
    assert divergence < 0.01 < 0.1 < curve[0]


def test_what_is_learned_besides_is_learned_and_only_where_asked() -> None:
    how = Imitation(400, 128, 1e-2, weights=(("value", 0.5),))
    _, value, _, shown = taught(how)
    wanted = np.asarray(shown.targets["value"])
    assert np.abs(value - wanted).mean() < 0.2
    _, untaught, _, _ = taught(Imitation(400, 128, 1e-2))
    assert np.abs(untaught - wanted).mean() > 1


def test_the_same_key_gives_the_same_student() -> None:
    how = Imitation(updates=5, batch=16)
    np.testing.assert_array_equal(taught(how)[0], taught(how)[0])
