"""A decision in four lines; needs a running installation (`make run`). The customer may be named on the command line."""

import sys

from fieldwise_client import Client

fw = Client()
d = fw.decide(sys.argv[1] if len(sys.argv) > 1 else "1")
print(d.action, d.value, d.rep, *d.reasons, d.trace_id, sep="\n")
