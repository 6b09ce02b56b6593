// The resident kernel on the emulated device.
#include "backend/cuda/queue_resident.hpp"
