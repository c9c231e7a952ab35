/* run() on QEMU's mps2-an386 without any of edge-tr's boards: start-up, UART 0 (CMSDK, Arm DDI 0479), and the end
 * of the emulator by semihosting. */
#include <stdint.h>

#define UART ((volatile uint32_t *)0x40004000u) /* DATA, STATE, CTRL, INTSTATUS, BAUDDIV */
#define TX_FULL 1u
#define TX_ENABLE 1u

extern uint32_t stack_top[];

void put(uint8_t byte);
int run(void);
void start(void);

void put(uint8_t byte)
{
    while (UART[1] & TX_FULL) {
    }
    UART[0] = byte;
}

static void end(uint32_t reason)
{
    register uint32_t operation __asm__("r0") = 0x18u; /* SYS_EXIT */
    register uint32_t argument __asm__("r1") = reason;
    __asm__ volatile("bkpt 0xab" : : "r"(operation), "r"(argument));
}

static void fault(void) { end(0x20023u); }

void start(void)
{
    UART[4] = 16u;
    UART[2] = TX_ENABLE;
    end(run() == 0 ? 0x20026u : 0x20024u);
}

__attribute__((section(".vectors"), used)) static const struct {
    uint32_t *stack;
    void (*handlers[15])(void);
} vectors = {stack_top, {start, fault, fault, fault, fault, fault, fault}};
