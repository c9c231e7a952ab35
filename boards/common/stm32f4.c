/* STM32F405 and F407 (RM0090): 168 MHz from the internal oscillator, and one of their USARTs on pins of port A. */
#include "stm32f4.h"

#include "stm32.h"
#include "tr_board.h"
#include "tr_formats.h"

#define PLL_HZ 168000000u

#define RCC 0x40023800u /* RM0090, 7.3 */
#define RCC_CR (RCC + 0x00u)
#define RCC_PLLCFGR (RCC + 0x04u)
#define RCC_CFGR (RCC + 0x08u)
#define RCC_AHB1ENR (RCC + 0x30u)
#define RCC_APB1ENR (RCC + 0x40u)
#define RCC_APB2ENR (RCC + 0x44u)
#define RCC_CR_HSION (1u << 0)
#define RCC_CR_HSIRDY (1u << 1)
#define RCC_CR_PLLON (1u << 24)
#define RCC_CR_PLLRDY (1u << 25)
/* 16 MHz / M 16 * N 336 / P 2 = 168 MHz, from HSI (bit 22 is 0); Q 7 gives USB its 48 MHz. */
#define RCC_PLLCFGR_FIELDS 0x0f437fffu /* the rest is reserved, and not all zero */
#define RCC_PLLCFGR_168_MHZ (16u << 0 | 336u << 6 | 0u << 16 | 7u << 24)
#define RCC_CFGR_SW 0x3u
#define RCC_CFGR_SW_PLL 0x2u
#define RCC_CFGR_SWS 0xcu
#define RCC_CFGR_SWS_PLL 0x8u
#define RCC_CFGR_PRESCALERS 0xfcf0u /* HPRE, PPRE1, PPRE2 */
#define RCC_CFGR_APB1_DIV4 (5u << 10) /* 42 MHz, its limit; its timers run at twice that */
#define RCC_CFGR_APB2_DIV2 (4u << 13) /* 84 MHz, its limit */
#define RCC_AHB1ENR_GPIOA (1u << 0)
#define RCC_APB1ENR_TIM2 (1u << 0)

#define FLASH_ACR 0x40023c00u /* RM0090, 3.9.1 */
#define FLASH_ACR_LATENCY 0x7u
/* Five wait states for 150 to 168 MHz at 2.7 to 3.6 V (table 10); prefetch and both caches. */
#define FLASH_ACR_168_MHZ (5u | 1u << 8 | 1u << 9 | 1u << 10)

#define GPIOA 0x40020000u /* RM0090, 8.4 */
#define GPIOA_MODER (GPIOA + 0x00u)
#define GPIOA_PUPDR (GPIOA + 0x0cu)
#define GPIOA_AFR(pin) (GPIOA + 0x20u + 4u * ((pin) / 8u))
#define AF7 7u /* USART1 to 3 */

/* RM0090, 30.6 */
#define USART_SR TR_REGISTER(stm32f4_uart.usart + 0x00u)
#define USART_DR TR_REGISTER(stm32f4_uart.usart + 0x04u)
#define USART_BRR TR_REGISTER(stm32f4_uart.usart + 0x08u)
#define USART_CR1 TR_REGISTER(stm32f4_uart.usart + 0x0cu)
#define USART_CR2 TR_REGISTER(stm32f4_uart.usart + 0x10u)
#define USART_CR3 TR_REGISTER(stm32f4_uart.usart + 0x14u)
#define USART_SR_RXNE (1u << 5)
#define USART_SR_TC (1u << 6)
#define USART_SR_TXE (1u << 7)
#define USART_CR1_RE (1u << 2)
#define USART_CR1_TE (1u << 3)
#define USART_CR1_PCE (1u << 10) /* even, because PS (bit 9) is 0 */
#define USART_CR1_M (1u << 12)   /* nine bits, of which the last is the parity */
#define USART_CR1_UE (1u << 13)

static struct {
    uint32_t core_hz;
    uint32_t timer_hz; /* TIM2 */
    uint32_t apb1_hz;
    uint32_t apb2_hz;
} clocks = {STM32_HSI_HZ, STM32_HSI_HZ, STM32_HSI_HZ, STM32_HSI_HZ};

/* From any state that a ROM loader may have left. QEMU has no RCC: there, nothing ever gets ready and the
 * clocks are said to be those of the oscillator. */
static void clocks_start(void)
{
    TR_REGISTER(RCC_CR) |= RCC_CR_HSION;
    if (!stm32_wait(RCC_CR, RCC_CR_HSIRDY, RCC_CR_HSIRDY)) {
        return;
    }
    stm32_modify(RCC_CFGR, RCC_CFGR_SW | RCC_CFGR_PRESCALERS, 0u);
    (void)stm32_wait(RCC_CFGR, RCC_CFGR_SWS, 0u);
    stm32_modify(RCC_CR, RCC_CR_PLLON, 0u);
    (void)stm32_wait(RCC_CR, RCC_CR_PLLRDY, 0u);
    stm32_modify(RCC_PLLCFGR, RCC_PLLCFGR_FIELDS, RCC_PLLCFGR_168_MHZ);
    TR_REGISTER(RCC_CR) |= RCC_CR_PLLON;
    TR_REGISTER(FLASH_ACR) = FLASH_ACR_168_MHZ;
    if (!stm32_wait(RCC_CR, RCC_CR_PLLRDY, RCC_CR_PLLRDY) || !stm32_wait(FLASH_ACR, FLASH_ACR_LATENCY, 5u)) {
        return;
    }
    stm32_modify(RCC_CFGR, RCC_CFGR_PRESCALERS, RCC_CFGR_APB1_DIV4 | RCC_CFGR_APB2_DIV2);
    stm32_modify(RCC_CFGR, RCC_CFGR_SW, RCC_CFGR_SW_PLL);
    if (stm32_wait(RCC_CFGR, RCC_CFGR_SWS, RCC_CFGR_SWS_PLL)) {
        clocks.core_hz = PLL_HZ;
        clocks.timer_hz = PLL_HZ / 2u;
        clocks.apb1_hz = PLL_HZ / 4u;
        clocks.apb2_hz = PLL_HZ / 2u;
    }
}

/* Alternate function 7 on a pin of port A. */
static void pin_start(uint32_t pin)
{
    stm32_modify(GPIOA_AFR(pin), 0xfu << 4u * (pin % 8u), AF7 << 4u * (pin % 8u));
    stm32_modify(GPIOA_MODER, 3u << 2u * pin, 2u << 2u * pin);
}

static void usart_start(void)
{
    uint32_t hz = stm32f4_uart.on_apb2 ? clocks.apb2_hz : clocks.apb1_hz;
    uint32_t receive = stm32f4_uart.receive_pin;
    stm32_modify(GPIOA_PUPDR, 3u << 2u * receive, 1u << 2u * receive); /* up: an open input is idle */
    pin_start(stm32f4_uart.transmit_pin);
    pin_start(receive);
    USART_CR1 = 0u;
    USART_CR2 = 0u;
    USART_CR3 = 0u;
    USART_BRR = (hz + TR_BAUD / 2u) / TR_BAUD; /* 16 samples a bit: the divisor in sixteenths */
    USART_CR1 = (TR_PARITY_EVEN ? USART_CR1_PCE | USART_CR1_M : 0u) | USART_CR1_TE | USART_CR1_RE | USART_CR1_UE;
}

void tr_board_init(void)
{
    clocks_start();
    TR_REGISTER(RCC_AHB1ENR) |= RCC_AHB1ENR_GPIOA;
    TR_REGISTER(RCC_APB1ENR) |= RCC_APB1ENR_TIM2;
    TR_REGISTER(stm32f4_uart.on_apb2 ? RCC_APB2ENR : RCC_APB1ENR) |= stm32f4_uart.clock_enable;
    (void)TR_REGISTER(RCC_APB2ENR); /* two cycles until the clocks run (errata sheet ES0182, RCC) */
    usart_start();
    stm32_timer_start();
    tr_counter_init();
}

uint32_t tr_core_hz(void) { return clocks.core_hz; }
uint32_t tr_timer_hz(void) { return clocks.timer_hz; }
uint32_t tr_timer_kind(void) { return TR_COUNTER_TIMER; }

/* Reading SR and then DR also clears the error flags (RM0090, 30.6.1). */
int tr_board_receive(void) { return (USART_SR & USART_SR_RXNE) != 0u ? (int)(USART_DR & 0xffu) : -1; }

void tr_board_transmit(uint8_t byte)
{
    while ((USART_SR & USART_SR_TXE) == 0u) {
    }
    USART_DR = byte;
}

void tr_board_flush(void)
{
    while ((USART_SR & USART_SR_TC) == 0u) {
    }
}
