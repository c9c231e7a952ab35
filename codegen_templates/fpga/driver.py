"""See edge_tr_pynq/predict.py; run on the board: sudo -E python driver.py --help"""

import sys

from edge_tr_pynq.predict import main

sys.exit(main())
