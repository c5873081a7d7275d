"""What is known of a customer, in four lines; needs a running installation (`make run`). He may be named on the command line."""

import sys

from fieldwise_client import Client

fw = Client()
p = fw.profile(sys.argv[1] if len(sys.argv) > 1 else "1", purpose="service")
print(p.name, p.event_count, *p.tags, sep="\n")
for trait in p.traits:
    print(trait.name, trait.text or trait.number, f"from {trait.evidence_count} events")
