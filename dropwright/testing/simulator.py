"""What a simulated supplier is made of: a real server on loopback, and a layer that spoils its answers by a plan.

A simulator is an ASGI application inside a ``FaultLayer``. It shares no code with the adapter that is tested against it,
and answers three calls of its own beside the supplier's: ``/_sandbox/faults`` (the layer's), ``/_sandbox/ledger`` and
``/_sandbox/orders/NUMBER``; see ``dropwright.testing.simulated``.
"""

from sandbox.faults import ADMIN_PREFIX, FAULTS_PATH, FaultLayer, Kind, Plan, Rule
from sandbox.serving import listen, serve, serving

__all__ = ["ADMIN_PREFIX", "FAULTS_PATH", "FaultLayer", "Kind", "Plan", "Rule", "listen", "serve", "serving"]
