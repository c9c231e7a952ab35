#include "stm32.h"

#define TIM_CR1 (STM32_TIM2 + 0x00u)
#define TIM_EGR (STM32_TIM2 + 0x14u)
#define TIM_CNT (STM32_TIM2 + 0x24u)
#define TIM_PSC (STM32_TIM2 + 0x28u)
#define TIM_ARR (STM32_TIM2 + 0x2cu)
#define TIM_CR1_CEN 1u
#define TIM_EGR_UG 1u /* takes over PSC and ARR */

void stm32_timer_start(void)
{
    TR_REGISTER(TIM_CR1) = 0u;
    TR_REGISTER(TIM_PSC) = 0u;
    TR_REGISTER(TIM_ARR) = 0xffffffffu;
    TR_REGISTER(TIM_EGR) = TIM_EGR_UG;
    TR_REGISTER(TIM_CR1) = TIM_CR1_CEN;
}

uint32_t tr_timer_read(void) { return TR_REGISTER(TIM_CNT); }
