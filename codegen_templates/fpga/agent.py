"""See edge_tr_pynq/server.py; run on the board: sudo -E python agent.py --help"""

import sys

from edge_tr_pynq.server import main

sys.exit(main())
