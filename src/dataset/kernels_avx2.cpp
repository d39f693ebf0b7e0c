#define MILLRACE_KERNELS_NAME avx2
#include "dataset/kernels.inc"
