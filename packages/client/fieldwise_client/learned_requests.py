"""What recommend learned for its decisions. Knows no channel."""

from __future__ import annotations

from fieldwise.recommend.v1 import answer_service_pb2 as answers
from fieldwise.recommend.v1 import next_purchase_service_pb2 as next_purchases
from fieldwise_client.recommend_requests import of_recommend

GET_NEXT = of_recommend("NextPurchaseService", "GetNextPurchaseTables", next_purchases.NextPurchaseTables)
GET_ANSWERS = of_recommend("AnswerService", "GetAnswers", answers.Answers)
