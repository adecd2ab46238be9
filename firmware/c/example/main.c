/* Runs the exported model `model.c`: self-test, then steps of a made-up sensor or microphone. Prints the outputs' bits. */

#include "lstm_nostd.h"
#include "model.h"
#include "startup.h"

static lstm_model model;
static uint64_t state[LSTM_WORDS(MODEL_STATE_BYTES)];
static uint64_t scratch[LSTM_WORDS(MODEL_SCRATCH_BYTES)];

static void print_hexadecimal(uint32_t bits) {
  char text[10];
  for (int digit = 0; digit < 8; digit++) text[digit] = "0123456789abcdef"[bits >> (28 - 4 * digit) & 15];
  text[8] = ' ';
  text[9] = 0;
  print(text);
}

static void print_outputs(const int32_t *outputs) {
  for (int output = 0; output < MODEL_OUTPUTS; output++) print_hexadecimal((uint32_t)outputs[output]);
  print("\n");
}

#ifdef MODEL_RATE

/* Your microphone comes here. It gives its samples in pieces, which need not fit the frames. */
static size_t next_samples(int16_t *samples) {
  static uint32_t noise = 1;
  size_t count = MODEL_HOP / 2 + 3;
  for (size_t n = 0; n < count; n++) {
    noise = noise * 1664525u + 1013904223u;
    samples[n] = (int16_t)(noise >> 16);
  }
  return count;
}

static void listen(int32_t *outputs) {
  int16_t samples[MODEL_HOP / 2 + 3];
  for (uint32_t frames = 0; frames < 20;) {
    size_t count = next_samples(samples);
    uint32_t ended = lstm_push_samples(&model, state, scratch, samples, count, outputs);
    if (ended > 0) print_outputs(outputs);
    frames += ended;
  }
}

#else

/* Your sensor comes here. */
static int32_t sample(uint32_t step, uint32_t channel) {
  return (int32_t)((step * 37 + channel * 11) % 101) * 1000 - 50000;
}

static void listen(int32_t *outputs) {
  int32_t raw[MODEL_INPUTS];
  for (uint32_t step = 0; step < 20; step++) {
    for (uint32_t channel = 0; channel < MODEL_INPUTS; channel++) raw[channel] = sample(step, channel);
    lstm_step(&model, state, scratch, raw, outputs);
    print_outputs(outputs);
  }
}

#endif

int main(void) {
  int32_t outputs[MODEL_OUTPUTS];
  int16_t probabilities[MODEL_OUTPUTS];

  lstm_status status = lstm_init(&model, model_file, sizeof model_file);
  if (status != LSTM_OK) {
    print("the model is refused, status ");
    print_hexadecimal(status);
    print("\n");
    return 1;
  }
  lstm_sizes sizes = lstm_sizes_of(&model);
  if (sizes.state_bytes > sizeof state || sizes.scratch_bytes > sizeof scratch) {
    print("model.h is not of this model\n");
    return 1;
  }
  if (lstm_self_test(&model, state, scratch, outputs) != LSTM_OK) {
    print("self-test: outputs differ from the host's\n");
    return 1;
  }
  print("self-test: bit for bit as on the host\n");

  lstm_reset(&model, state);
  listen(outputs);
  uint32_t class = lstm_probabilities(&model, outputs, probabilities);
  print("class ");
  print(model_output_names[class]);
  print("\n");
  return 0;
}
