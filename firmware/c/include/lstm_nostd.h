/* lstm-nostd for C: quantised LSTM networks on microcontrollers, without heap and without floating point.
 *
 * `trainer-host export RUN --format c --target CORE -o gestures.c` writes a model as a constant array, and gestures.h
 * with its sizes. The caller owns all memory:
 *
 *     static lstm_model model;
 *     static uint64_t state[LSTM_WORDS(GESTURES_STATE_BYTES)];      one for each stream
 *     static uint64_t scratch[LSTM_WORDS(GESTURES_SCRATCH_BYTES)];  one for all streams
 *     int32_t outputs[GESTURES_OUTPUTS];
 *
 *     if (lstm_init(&model, gestures_file, sizeof gestures_file) != LSTM_OK) ...
 *     lstm_reset(&model, state);                                   at the beginning of each recording or window
 *     lstm_step(&model, state, scratch, raw, outputs);             for each sample
 *
 * A model with a front end, trained on recordings of sound or vibration, takes a microphone's samples instead, in pieces
 * of any length:
 *
 *     if (lstm_push_samples(&model, state, scratch, samples, count, outputs) > 0) ...
 *
 * Buffers lie on 8-byte boundaries. No function allocates, panics or keeps a pointer, but for `lstm_init`, whose model
 * refers to the file as long as it is used. Two threads may use one model, with a state and scratch memory each.
 */
#ifndef LSTM_NOSTD_H
#define LSTM_NOSTD_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Elements of an array of uint64_t that holds so many bytes. */
#define LSTM_WORDS(bytes) (((bytes) + 7) / 8)

/* A model; its content is the library's own. */
typedef struct {
  uint64_t content[LSTM_WORDS(1024)];
} lstm_model;

/* What a function found. */
typedef enum {
  LSTM_OK = 0,
  LSTM_MISALIGNED = 1,      /* the file does not lie on a 4-byte boundary */
  LSTM_LENGTH = 2,          /* the file has another length than its header says */
  LSTM_NO_MODEL = 3,        /* the file does not begin like a model file */
  LSTM_VERSION = 4,         /* export it again with the trainer-host of this engine */
  LSTM_CHECKSUM = 5,        /* the file was damaged */
  LSTM_OTHER_CORE = 6,      /* the weights are in the order of another core: export with --target CORE */
  LSTM_SCHEME_LEFT_OUT = 7, /* built without a cargo feature: w8a8, w4a16, gru, gru-before, coupled, conv, mean, projection, sound or statistics */
  LSTM_INVALID = 8,         /* a field, a weight or a name is not valid */
  LSTM_SELF_TEST = 9        /* outputs differ from those in the file */
} lstm_status;

/* The sizes of a model. */
typedef struct {
  uint32_t inputs;
  uint32_t outputs;
  uint32_t state_bytes;
  uint32_t scratch_bytes;
} lstm_sizes;

/* Checks the whole file, `bytes` long, and makes a model of it. After LSTM_OK nothing can fail. The file must stay where
 * it is as long as the model is used. */
lstm_status lstm_init(lstm_model *model, const void *file, size_t bytes);

/* The sizes of a model that was made at run time; for one that is compiled in, the exported header has them. */
lstm_sizes lstm_sizes_of(const lstm_model *model);

/* Back to the state before the first step and the first sample: call it at the beginning of each recording or window. */
void lstm_reset(const lstm_model *model, void *state);

/* Back to the state before the first step, but samples of the frame that is being filled stay: for a new window while
 * the microphone goes on. Of a model without a front end, it is `lstm_reset`. */
void lstm_forget(const lstm_model *model, void *state);

/* Advances `state` by one step. `raw` has an integer for each channel: a sensor's counts as they are, if the network was
 * trained on counts, else round(value * 2^FRACTION_BITS), see the exported header. `outputs` become logits in Q15.16, or
 * values in units of their own. A model with a convolution writes them in the first step after a reset, and then once in a
 * stride; else they stay as they are. So keep outputs for each stream. */
void lstm_step(const lstm_model *model, void *state, void *scratch, const int32_t *raw, int32_t *outputs);

/* For a model with a front end: takes `count` samples, any number of them, 16 bits each, at the model's rate. It advances
 * `state` by one step at the end of each frame, with the frame's features. Returns how many frames ended; `outputs` are
 * those of the last one, and untouched if none did. A model without a front end takes nothing. The library has this
 * function with the cargo feature sound or statistics. */
uint32_t lstm_push_samples(const lstm_model *model, void *state, void *scratch, const int16_t *samples, size_t count,
                           int32_t *outputs);

/* Probabilities of the outputs in Q0.15, 32767 for one: softmax, or the sigmoid of each. Of a model whose outputs are
 * values, all are 0. Returns the class: that of the largest output, or of a single one 0 or 1. */
uint32_t lstm_probabilities(const lstm_model *model, const int32_t *outputs, int16_t *probabilities);

/* Runs the steps that the file holds for this, and compares all outputs, bit for bit; of a front end, the features of
 * samples first. `state` begins anew; `outputs` is scratch memory too. */
lstm_status lstm_self_test(const lstm_model *model, void *state, void *scratch, int32_t *outputs);

#ifdef __cplusplus
}
#endif

#endif
