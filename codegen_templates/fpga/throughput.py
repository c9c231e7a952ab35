"""See edge_tr_pynq/throughput.py; run on the board: sudo -E python throughput.py --help"""

import sys

from edge_tr_pynq.throughput import main

sys.exit(main())
