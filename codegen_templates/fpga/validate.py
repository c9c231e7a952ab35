"""See edge_tr_pynq/validate.py; run on the board: sudo -E python validate.py --help"""

import sys

from edge_tr_pynq.validate import main

sys.exit(main())
