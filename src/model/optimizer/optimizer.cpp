#include "model/optimizer/optimizer.hpp"

#include "model/optimizer/list.hpp"

namespace fasweep {

bool is_sgd(const Optimizer& optimizer) {
  static_assert(Optimizers::index_of<GradientDescent>() == 0, "an Optimizer is plain gradient descent by default");
  return optimizer.position() == 0;
}

}  // namespace fasweep
