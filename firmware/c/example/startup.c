/* Starts a program on a Cortex-M, without a C library: vectors, memory, floating-point unit, semihosting. */

#include "startup.h"

extern uint32_t _stack_top, _data_source, _data_start, _data_end, _bss_start, _bss_end;

int main(void);

#define CPACR (*(volatile uint32_t *)0xe000ed88)

void reset_handler(void) {
  uint32_t *source = &_data_source;
  for (uint32_t *word = &_data_start; word < &_data_end;) *word++ = *source++;
  for (uint32_t *word = &_bss_start; word < &_bss_end;) *word++ = 0;
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
  /* The registers of floating point and of Helium. */
  CPACR |= 0xfu << 20;
  __asm volatile("dsb\n isb");
#endif
  finish(main());
}

static void fault_handler(void) {
  print("fault\n");
  finish(1);
}

__attribute__((section(".vectors"), used)) static void (*const vectors[16])(void) = {
    (void (*)(void)) & _stack_top,
    reset_handler,
    fault_handler,
    fault_handler,
};

static int semihost(int operation, const void *argument) {
  register int r0 __asm("r0") = operation;
  register const void *r1 __asm("r1") = argument;
  __asm volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
  return r0;
}

void print(const char *text) { semihost(0x04, text); }

void finish(int status) {
  uint32_t block[2] = {0x20026, (uint32_t)status};
  semihost(0x20, block);
  for (;;) {
  }
}
