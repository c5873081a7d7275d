"""Words of the formats that are fuzzed, so that an input gets beyond the first check; knows no reader."""

from __future__ import annotations

from typing import Final

from fieldwise_recommend.core.facts import FIELDS

# Of Segment's and CloudEvents' messages, their contexts, traits and properties, and of what shops send in them.
_NAMES: Final = (
    "type event userId anonymousId messageId timestamp sentAt originalTimestamp context traits properties batch "
    "name groupId previousId channel version userAgent device os email phone address city postalCode country street "
    "birthday age gender firstName lastName company createdAt products product_id sku category brand variant price "
    "quantity coupon position order_id total revenue value currency discount shipping tax query url path referrer "
    "search rating review_id review_body promotion_id creative campaign source list_id filters sorts cart_id step "
    "id specversion datacontenttype dataschema subject time data data_base64 customer consent categoryPreferences "
    "amount micros unit"
)
KEYS: Final = (
    *_NAMES.split(),
    *("Order Completed", "Product Viewed", "Products Searched", "Product List Viewed", "Coupon Applied"),
    *("Segment Consent Preference Updated", "Product Reviewed", "Promotion Clicked", "Order Refunded"),
    *("Email Opened", "Email Link Clicked", "Unsubscribed", "Checkout Started", "com.segment.track"),
)
_SIGNS: Final = "( ) [ ] { } . , ! - + * / % < <= > >= == != && || ? : in"
_VALUES: Final = "true false null 1 -1 0 2.5 1e308 9223372036854775807 1u 0x7f x 'a' '24h' '(a+)+$' b'c' r'd'"
_CALLS: Final = (
    "size( has( .exists(x, .all(x, .filter(x, .map(x, .matches( .contains( .startsWith( duration( timestamp( "
    "int( double( string( type( dyn( .getHours()"
)
RULE_WORDS: Final = (
    *(field.path for field in FIELDS.listed),
    *_SIGNS.split(),
    *_VALUES.split(),
    *_CALLS.split(" "),
)
