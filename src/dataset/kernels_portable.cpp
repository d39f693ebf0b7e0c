#define MILLRACE_KERNELS_NAME portable
#include "dataset/kernels.inc"
