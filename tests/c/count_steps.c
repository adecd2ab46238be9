/* Steps of the exported model `model.c` between marks, for QEMU's plugin that counts instructions: an empty interval,
 * then STEPS steps. `firmware/src/bin/bench.rs` does the same in Rust. */

#include "lstm_nostd.h"
#include "model.h"
#include "startup.h"

#define STEPS 8

static lstm_model model;
static uint64_t state[LSTM_WORDS(MODEL_STATE_BYTES)];
static uint64_t scratch[LSTM_WORDS(MODEL_SCRATCH_BYTES)];

/* At the first call counting begins, at the second it ends. */
__attribute__((noinline)) void lstm_bench_mark(void) { __asm volatile("nop"); }

/* Numbers over the whole range. */
static uint32_t noise(void) {
  static uint32_t number = 1;
  number = number * 1664525u + 1013904223u;
  return number ^ number >> 16;
}

int main(void) {
  int32_t outputs[MODEL_OUTPUTS];
  if (lstm_init(&model, model_file, sizeof model_file) != LSTM_OK) return 1;
  lstm_reset(&model, state);
  lstm_bench_mark();
  lstm_bench_mark();
  int32_t raw[MODEL_INPUTS];
  for (uint32_t step = 0; step < STEPS; step++) {
    for (uint32_t channel = 0; channel < MODEL_INPUTS; channel++) raw[channel] = (int32_t)noise() >> 10;
    lstm_bench_mark();
    lstm_step(&model, state, scratch, raw, outputs);
    lstm_bench_mark();
  }
  return 0;
}
