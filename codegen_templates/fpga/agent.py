"""See edge_tr_pynq/agent.py; run on the board: sudo -E python agent.py --help"""

import sys

from edge_tr_pynq.agent import main

sys.exit(main())
