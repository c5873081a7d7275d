"""Scores of customers from their features, remembered as finished messages; knows no registry and no file.

Scores depend on the features and the versions only, so a line-up remembers its answers: a customer whose profile did not
change costs one look-up.
"""

from __future__ import annotations

import asyncio
from array import array
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fieldwise.forecast.v1.forecast_service_pb2 import CustomerFeatures
from fieldwise.forecast.v1.score_pb2 import Contribution, CustomerScores, Prediction
from fieldwise.type.v1.features_pb2 import FeatureVector
from fieldwise.type.v1.money_pb2 import Money
from fieldwise_runtime.errors import FailedPrecondition, InvalidRequest, Violation

from .core.contributions import largest
from .core.features import ACTIVE_WINDOWS, SPEND_WHEN_ACTIVE, FeatureSet, Floats, faults_of
from .core.probability import ProbabilityModel, probability
from .core.questions import BUYS, Question
from .core.spend import UNTRAINED
from .core.versions import Version

# Customers scored between two breaths of the event loop: about 10 ms with contributions. More than engines.FEW_ROWS, so
# that large batches go through the batch engine.
CHUNK = 128

# Scorers of some of the questions that are kept, each with what it remembers; decisions ask for the same ones again and again.
KEPT_CHOICES = 4

# What a customer's scores depend on within one line-up.
Key = tuple[bool, str, str, int, bytes | None]


@dataclass(frozen=True)
class Answering:
    """Who answers a question; without a model its prior does."""

    question: Question
    version: Version | None
    model: ProbabilityModel | None

    @property
    def prior(self) -> float:
        return self.question.prior if self.model is None else self.model.about.base_rate

    @property
    def version_name(self) -> str:
        return "" if self.version is None else self.version.name


class Scorer:
    """Scores with a fixed set of versions."""

    def __init__(self, answering: Sequence[Answering], currency: str, cached_customers: int) -> None:
        self._answering = answering
        self._currency = currency
        self._cached_customers = cached_customers
        self._cache: OrderedDict[Key, CustomerScores] = OrderedDict()
        self._choices: OrderedDict[tuple[str, ...], Scorer] = OrderedDict()
        self._models = [each.model for each in answering if each.model is not None]
        self.version_names = tuple(sorted(each.version_name for each in answering if each.version_name))
        self.unanswered = [each.question.model for each in answering if each.model is None]

    def of_questions(self, names: Sequence[str]) -> Scorer:
        """The scorer of these questions alone, ``models/{question}`` each; this one when none is named.

        Raises:
            InvalidRequest: A question that there is not.
        """
        if not names:
            return self
        wanted = tuple(sorted(set(names)))
        if wanted not in self._choices:
            demand_known(names, [each.question.model for each in self._answering])
            answering = [each for each in self._answering if f"models/{each.question.model}" in wanted]
            self._choices[wanted] = Scorer(answering, self._currency, self._cached_customers)
        self._choices.move_to_end(wanted)
        if len(self._choices) > KEPT_CHOICES:
            self._choices.popitem(last=False)
        return self._choices[wanted]

    async def scores(
        self, customers: Sequence[CustomerFeatures], with_contributions: bool
    ) -> list[CustomerScores]:
        """Scores in the order of ``customers``. The messages are shared: copy them, never change them.

        Raises:
            FailedPrecondition: Reason FEATURE_SET_MISMATCH.
            InvalidRequest: Vectors of the wrong length, infinite numbers, NaN against a column's null rule.
        """
        keys = [key_of(customer, with_contributions) for customer in customers]
        found = [self._remembered(key) for key in keys]
        missing = [i for i, scores in enumerate(found) if scores is None]
        if missing:
            self._check([(i, customers[i]) for i in missing])
        for start in range(0, len(missing), CHUNK):
            if start:
                await asyncio.sleep(0)
            chunk = missing[start : start + CHUNK]
            fresh = self._scored([customers[i] for i in chunk], with_contributions)
            for i, scores in zip(chunk, fresh, strict=True):
                found[i] = self._remember(keys[i], scores)
        return [scores for scores in found if scores is not None]

    def _remembered(self, key: Key) -> CustomerScores | None:
        scores = self._cache.get(key)
        if scores is not None:
            self._cache.move_to_end(key)
        return scores

    def _remember(self, key: Key, scores: CustomerScores) -> CustomerScores:
        self._cache[key] = scores
        if len(self._cache) > self._cached_customers:
            self._cache.popitem(last=False)
        return scores

    def _check(self, customers: Sequence[tuple[int, CustomerFeatures]]) -> None:
        known = [(i, customer.features) for i, customer in customers if customer.HasField("features")]
        for model in self._models:
            for i, features in known:
                demand_set(features, model.feature_set, i)
        columns = self._models[0].feature_set if self._models else None
        faults = [fault for i, features in known for fault in vector_faults(i, features, columns)]
        if faults:
            raise InvalidRequest(faults)

    def _scored(
        self, customers: Sequence[CustomerFeatures], with_contributions: bool
    ) -> list[CustomerScores]:
        known = [i for i, customer in enumerate(customers) if self._models and customer.HasField("features")]
        messages = [
            CustomerScores(customer=customer.customer, spend_if_buys=self._money(self._spend(None)))
            for customer in customers
        ]
        values = np.array([customers[i].features.values for i in known], dtype=np.float64)
        for i, row in zip(known, values, strict=True):
            messages[i].spend_if_buys.micros = self._spend(row)
        for answering in self._answering:
            answers = (
                dict(zip(known, predictions(answering, values, with_contributions), strict=True))
                if known
                else {}
            )
            for i, message in enumerate(messages):
                prediction = answers.get(i) or prior_prediction(answering)
                message.predictions.append(prediction)
                if answering.question is BUYS:
                    expected = round(prediction.probability * message.spend_if_buys.micros)
                    message.expected_spend.CopyFrom(self._money(expected))
        return messages

    def _spend(self, row: Floats | None) -> int:
        prior = self._models[0].about.spend if self._models else UNTRAINED
        if row is None:
            return prior.expected_micros(np.nan, 0.0)
        columns = self._models[0].feature_set
        own, windows = row[columns.column(SPEND_WHEN_ACTIVE)], row[columns.column(ACTIVE_WINDOWS)]
        return prior.expected_micros(float(own), float(windows))

    def _money(self, micros: int) -> Money:
        return Money(currency_code=self._currency, micros=micros)


def key_of(customer: CustomerFeatures, with_contributions: bool) -> Key:
    """All but the moment of the features: the same numbers an hour later get the same scores."""
    features = customer.features
    # As bytes: NaN is not equal to itself.
    values = array("d", features.values).tobytes() if customer.HasField("features") else None
    return with_contributions, customer.customer, features.set_id, features.set_version, values


def demand_known(names: Sequence[str], known: Sequence[str]) -> None:
    """Refuse questions that there are not, all of them at once."""
    remedy = f"ask for {', '.join(f'models/{model}' for model in known)}"
    faults = [
        Violation.of(f"questions[{i}]", name, remedy)
        for i, name in enumerate(names)
        if name.removeprefix("models/") not in known
    ]
    if faults:
        raise InvalidRequest(faults)


def demand_set(features: FeatureVector, columns: FeatureSet, index: int) -> None:
    if (features.set_id, features.set_version) != (columns.id, columns.version):
        raise FailedPrecondition(
            "FEATURE_SET_MISMATCH",
            f"customers[{index}].features: got set '{features.set_id}' version {features.set_version}, the model was "
            f"trained on '{columns.id}' version {columns.version}; train the models on the new set, or roll profile back",
            metadata={"set_id": columns.id, "set_version": str(columns.version)},
        )


def vector_faults(index: int, features: FeatureVector, columns: FeatureSet | None) -> list[Violation]:
    """What is wrong with one vector; without a model its columns are unknown and only infinities are."""
    path = f"customers[{index}].features.values"
    values = np.array(features.values, dtype=np.float64)
    if columns is not None and len(values) != len(columns.names):
        remedy = f"send the {len(columns.names)} numbers of set '{columns.id}' version {columns.version}"
        return [Violation(path, f"{len(values)} numbers", remedy)]
    if columns is None:
        columns = FeatureSet("", 0, tuple(map(str, range(len(values)))))
    return [
        Violation.of(f"{path}[{i}]", float(values[i]), remedy) for i, remedy in faults_of(values, columns)
    ]


def predictions(answering: Answering, values: Floats, with_contributions: bool) -> list[Prediction]:
    """Predictions for rows of known features; a customer of whom the question is not asked gets the base rate."""
    model = answering.model
    if model is None:
        return [prior_prediction(answering) for _ in values]
    asked = answering.question.population(model.feature_set, values)
    rows = values.astype(np.float32)
    log_odds = model.log_odds(rows)
    parts = model.contributions(rows) if with_contributions else None
    answers = []
    for i, (raw, p) in enumerate(zip(log_odds.tolist(), probability(log_odds).tolist(), strict=True)):
        if not asked[i]:
            answers.append(prior_prediction(answering))
            continue
        prediction = Prediction(
            model=f"models/{answering.question.model}",
            model_version=answering.version_name,
            probability=p,
            log_odds=raw,
        )
        if parts is not None:
            prediction.base_log_odds = model.base
            prediction.contributions.extend(contributions(model.feature_set.names, values[i], parts[i]))
        answers.append(prediction)
    return answers


def contributions(names: Sequence[str], values: Floats, parts: Floats) -> list[Contribution]:
    listed = []
    for column, name, log_odds in largest(parts, names):
        known = column is not None and not np.isnan(values[column])
        listed.append(
            Contribution(feature=name, log_odds=log_odds, value=float(values[column]) if known else None)
        )
    return listed


def prior_prediction(answering: Answering) -> Prediction:
    """The base rate, marked by an empty version."""
    p = answering.prior
    return Prediction(
        model=f"models/{answering.question.model}", probability=p, log_odds=float(np.log(p / (1 - p)))
    )
