#include "tr_formats.h"
#include "tr_verify.h"

const uint32_t tr_model_seal[TR_MODEL_SEAL_SIZE / 4u] __attribute__((section(".tr_seal"), used)) = {0u};
