"""The synchronous client's calls about actions, policies and what they caused. Thin; requests are in modules of their own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from fieldwise.recommend.v1 import answer_service_pb2 as answer_pb
from fieldwise.recommend.v1 import catalogue_pb2, contact_pb2, effect_pb2, policy_pb2, policy_service_pb2
from fieldwise.recommend.v1 import catalogue_service_pb2 as catalogue
from fieldwise.recommend.v1 import contact_service_pb2 as contacts
from fieldwise.recommend.v1 import effect_service_pb2 as effects
from fieldwise.recommend.v1 import next_purchase_service_pb2 as next_purchases
from fieldwise.recommend.v1 import pair_service_pb2 as pairs
from fieldwise.recommend.v1 import recommend_service_pb2 as recommend
from fieldwise_client import catalogue_requests as of_catalogue
from fieldwise_client import contact_requests as of_contacts
from fieldwise_client import effect_requests as of_effects
from fieldwise_client import learned_requests as learned
from fieldwise_client import pair_requests as of_pairs
from fieldwise_client import policy_requests as of_policies
from fieldwise_client import recommend_requests as of_actions
from fieldwise_client.allocation_requests import finished
from fieldwise_client.caller import Caller


class RecommendCalls(Caller):
    """Actions, the policies that choose among them, and what they caused."""

    def actions(self, *, timeout: float = 10.0) -> recommend.ListActionsResponse:
        """The catalogue in force."""
        return self._send(of_actions.LIST_ACTIONS, recommend.ListActionsRequest(), timeout)

    # What decisions caused

    def report_effect(
        self,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        action: str = "",
        rep: str = "",
        baseline: str = "",
        flagged_from: float = 0.0,
        timeout: float = of_effects.REPORT_SECONDS,
    ) -> effect_pb2.EffectReport:
        """What decisions of a period caused, by comparison with customers who were left alone.

        Args:
            action: Compare with this action's own control group.
            rep: Only customers whom he serves.
            baseline: An imported earlier practice to compare with.
            flagged_from: Who was given at least this probability of falling silent counts as flagged; 0 means one half.
        """
        request = of_effects.report(start, end, action, rep, baseline, flagged_from)
        return self._send(of_effects.REPORT, request, timeout)

    def import_baseline(
        self,
        baseline: str,
        rows: Iterable[effects.BaselineRow],
        *,
        display_name: str = "",
        request_id: str | None = None,
        timeout: float | None = None,
    ) -> effect_pb2.Baseline:
        """Keep what an earlier practice achieved, to compare with; once."""
        request = of_effects.import_baseline(baseline, rows, display_name, request_id)
        return self._send(of_effects.IMPORT_BASELINE, request, timeout)

    def baselines(self, *, timeout: float | None = None) -> Iterator[effect_pb2.Baseline]:
        """All baselines, by name."""
        request = effects.ListBaselinesRequest()
        for page in self._pages(of_effects.LIST_BASELINES, request, self._within(timeout)):
            yield from page.baselines

    def evaluate_policy(
        self,
        policies: Iterable[policy_pb2.PolicyToEvaluate] = (),
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        reward: str = "money",
        confidence: float | None = None,
        timeout: float = of_policies.EVALUATE_SECONDS,
    ) -> policy_service_pb2.EvaluatePolicyResponse:
        """What policies would have brought, from decisions made otherwise; `policy_requests.policy` and `learned_policy` make one.

        Args:
            policies: None means the logged one, leaving everybody alone, and each action for everybody.
            reward: ``money`` or ``bought``, within the window after a decision.
        """
        request = of_policies.evaluate_policy(policies, since, until, reward, confidence)
        return self._send(of_policies.EVALUATE_POLICY, request, timeout)

    def train_policy(
        self,
        *,
        since: datetime | None = None,
        request_id: str | None = None,
        timeout: float = of_policies.TRAIN_SECONDS,
    ) -> policy_pb2.PolicyVersion:
        """Learn what actions add for whom from decisions that chance made, and wait for it; nothing is released."""
        request = of_policies.train_policy(since, request_id)
        return self._lead(
            finished(of_policies.TRAIN_POLICY, request, policy_pb2.PolicyVersion, self._within(timeout))
        )

    def policy_versions(self, *, timeout: float | None = None) -> Iterator[policy_pb2.PolicyVersion]:
        """Learned policies, the newest first."""
        request = policy_service_pb2.ListPolicyVersionsRequest()
        for page in self._pages(of_policies.LIST_VERSIONS, request, self._within(timeout)):
            yield from page.policy_versions

    def release_policy(
        self, version: str, *, override_reason: str = "", timeout: float | None = None
    ) -> policy_pb2.PolicyVersion:
        """Decide with the effects that a version measured from now on; against its verdict only with a reason."""
        request = of_policies.release_policy(version, override_reason)
        return self._send(of_policies.RELEASE_VERSION, request, timeout)

    def withdraw_policy(self, *, timeout: float | None = None) -> policy_service_pb2.WithdrawPolicyResponse:
        """Decide with the stated effects again."""
        return self._send(of_policies.WITHDRAW_POLICY, policy_service_pb2.WithdrawPolicyRequest(), timeout)

    # Contacts

    def contact_policy(self, *, timeout: float | None = None) -> contact_pb2.ContactPolicy:
        """How often, when and after what customers may be reached."""
        return self._send(of_contacts.GET_POLICY, contacts.GetContactPolicyRequest(), timeout)

    def update_contact_policy(
        self,
        policy: contact_pb2.ContactPolicy,
        *,
        actor: str,
        note: str = "",
        request_id: str | None = None,
        timeout: float | None = None,
    ) -> contact_pb2.ContactPolicy:
        """Put another policy in force; if it has an etag, only in the place of that one."""
        request = of_contacts.update_policy(policy, actor, note, request_id)
        return self._send(of_contacts.UPDATE_POLICY, request, timeout)

    # The catalogue's life

    def create_action(
        self,
        action: catalogue_pb2.ActionDefinition,
        *,
        actor: str,
        note: str = "",
        request_id: str | None = None,
        timeout: float | None = None,
    ) -> catalogue_pb2.Draft:
        """Begin the draft of a new action; every fault of it comes at once."""
        request = of_catalogue.create_action(action, actor, note, request_id)
        return self._send(of_catalogue.CREATE_ACTION, request, timeout)

    def update_action(
        self,
        action: catalogue_pb2.ActionDefinition,
        *,
        actor: str,
        note: str = "",
        request_id: str | None = None,
        timeout: float | None = None,
    ) -> catalogue_pb2.Draft:
        """Write another definition of an action, or of its draft; it is then reviewed anew."""
        request = of_catalogue.update_action(action, actor, note, request_id)
        return self._send(of_catalogue.UPDATE_ACTION, request, timeout)

    def retire_action(
        self,
        name: str,
        *,
        actor: str,
        note: str = "",
        request_id: str | None = None,
        timeout: float | None = None,
    ) -> catalogue_pb2.Draft:
        """Begin the draft that takes an action out of the catalogue."""
        request = of_catalogue.retire_action(name, actor, note, request_id)
        return self._send(of_catalogue.RETIRE_ACTION, request, timeout)

    def submit_action(
        self, draft: str, *, actor: str, note: str = "", timeout: float | None = None
    ) -> catalogue_pb2.Draft:
        """Ask somebody else to review a draft."""
        request = of_catalogue.submit_action(draft, actor, note)
        return self._send(of_catalogue.SUBMIT_ACTION, request, timeout)

    def approve_action(
        self, draft: str, *, actor: str, note: str = "", timeout: float | None = None
    ) -> catalogue_pb2.Draft:
        """Approve a draft in review; its authors cannot."""
        request = of_catalogue.approve_action(draft, actor, note)
        return self._send(of_catalogue.APPROVE_ACTION, request, timeout)

    def reject_action(
        self, draft: str, *, actor: str, note: str = "", timeout: float | None = None
    ) -> catalogue_pb2.Draft:
        """Send a draft in review back; its authors cannot."""
        request = of_catalogue.reject_action(draft, actor, note)
        return self._send(of_catalogue.REJECT_ACTION, request, timeout)

    def delete_draft(self, draft: str, *, timeout: float | None = None) -> None:
        """Drop a draft, wherever it stands."""
        self._send(of_catalogue.DELETE_DRAFT, of_catalogue.delete_draft(draft), timeout)

    def drafts(self, *, timeout: float | None = None) -> Iterator[catalogue_pb2.Draft]:
        """All changes of the catalogue that are not in force yet, by name."""
        request = catalogue.ListDraftsRequest()
        for page in self._pages(of_catalogue.LIST_DRAFTS, request, self._within(timeout)):
            yield from page.drafts

    def publish_catalogue(
        self,
        *,
        actor: str,
        note: str = "",
        validate_only: bool = False,
        confirm_reach: Iterable[str] = (),
        request_id: str | None = None,
        timeout: float = of_catalogue.PUBLISH_SECONDS,
    ) -> catalogue.PublishCatalogueResponse:
        """Put all approved drafts in force as one version.

        Args:
            validate_only: Only say what would come of it, drafts in review included.
            confirm_reach: Actions that are meant to reach nobody or everybody of the sample.
        """
        request = of_catalogue.publish(actor, note, confirm_reach, request_id, validate_only=validate_only)
        return self._send(of_catalogue.PUBLISH, request, timeout)

    def rollback_catalogue(
        self,
        version: str,
        *,
        actor: str,
        note: str = "",
        in_force: str = "",
        request_id: str | None = None,
        timeout: float = of_catalogue.PUBLISH_SECONDS,
    ) -> catalogue_pb2.CatalogueVersion:
        """Put an earlier version in force again; with ``in_force`` only if that one is."""
        request = of_catalogue.roll_back(version, actor, note, in_force, request_id)
        return self._send(of_catalogue.ROLL_BACK, request, timeout)

    def catalogue_versions(self, *, timeout: float | None = None) -> Iterator[catalogue_pb2.CatalogueVersion]:
        """What was put in force, newest first."""
        request = catalogue.ListCatalogueVersionsRequest()
        for page in self._pages(of_catalogue.LIST_VERSIONS, request, self._within(timeout)):
            yield from page.versions

    def action(
        self, name: str, *, version: str = "", timeout: float | None = None
    ) -> catalogue.GetActionResponse:
        """An action as it was written, and what can be chosen of it; of the version in force if none is named."""
        return self._send(of_catalogue.GET_ACTION, of_catalogue.get_action(name, version), timeout)

    def rule_fields(self, *, timeout: float | None = None) -> Iterator[catalogue_pb2.RuleField]:
        """All that rules of actions may read, by name."""
        request = catalogue.ListRuleFieldsRequest()
        for page in self._pages(of_catalogue.LIST_RULE_FIELDS, request, self._within(timeout)):
            yield from page.fields

    def import_catalogue(
        self,
        toml: bytes,
        *,
        actor: str,
        note: str = "",
        request_id: str | None = None,
        timeout: float = of_catalogue.PUBLISH_SECONDS,
    ) -> catalogue.ImportCatalogueResponse:
        """Make drafts of everything in which a catalogue file differs from what is in force."""
        request = of_catalogue.import_catalogue(toml, actor, note, request_id)
        return self._send(of_catalogue.IMPORT, request, timeout)

    def export_catalogue(
        self, *, version: str = "", timeout: float | None = None
    ) -> catalogue.ExportCatalogueResponse:
        """A version as a file; the one in force if none is named."""
        request = catalogue.ExportCatalogueRequest(version=version)
        return self._send(of_catalogue.EXPORT, request, timeout)

    def learn_pair_rules(
        self,
        bought: Iterable[tuple[str, int, str]],
        *,
        window_days: int = 1,
        timeout: float = of_pairs.LEARN_SECONDS,
    ) -> pairs.LearnPairRulesResponse:
        """Find what is bought together and put it in force.

        Args:
            bought: (customer, day since 1970, thing).
            window_days: Days that make a basket.
        """
        return self._send(of_pairs.LEARN_PAIRS, of_pairs.learn_pairs(bought, window_days), timeout)

    def pair_rules(self, *, given: str = "", timeout: float | None = None) -> Iterator[pairs.PairRule]:
        """Rules in force, the surest lift first; from one thing only if it is named."""
        request = pairs.ListPairRulesRequest(given=given)
        for page in self._pages(of_pairs.LIST_PAIRS, request, self._within(timeout)):
            yield from page.rules

    def next_purchase_tables(self, *, timeout: float | None = None) -> next_purchases.NextPurchaseTables:
        """What next purchases are foreseen by: weights of both regressions, and how well they foresaw the newest window."""
        request = next_purchases.GetNextPurchaseTablesRequest()
        return self._send(learned.GET_NEXT, request, timeout)

    def answers(self, *, timeout: float | None = None) -> answer_pb.Answers:
        """How many contacts were answered, by channel, weekday and hour, and how many coupons came back."""
        return self._send(learned.GET_ANSWERS, answer_pb.GetAnswersRequest(), timeout)
