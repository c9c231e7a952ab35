#include "tr_boot.h"

const uint8_t *tr_boot_memory(uint32_t address) { return (const uint8_t *)(uintptr_t)address; }
