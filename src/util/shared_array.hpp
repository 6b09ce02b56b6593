// Numbers that never change, wherever they lie: copies share them and keep alive what holds them.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace fasweep {

template <class Number>
class SharedArray {
 public:
  using value_type = Number;
  using const_iterator = const Number*;

  SharedArray() = default;
  SharedArray(std::vector<Number> values) {  // NOLINT: a vector is one
    auto held = std::make_shared<const std::vector<Number>>(std::move(values));
    values_ = *held;
    holder_ = std::move(held);
  }
  /// holder: of the memory of `values`.
  SharedArray(std::span<const Number> values, std::shared_ptr<const void> holder)
      : values_(values), holder_(std::move(holder)) {}

  [[nodiscard]] std::size_t size() const { return values_.size(); }
  [[nodiscard]] const Number* data() const { return values_.data(); }
  [[nodiscard]] const Number& operator[](std::size_t i) const { return values_[i]; }
  [[nodiscard]] const_iterator begin() const { return values_.data(); }
  [[nodiscard]] const_iterator end() const { return values_.data() + values_.size(); }

 private:
  std::span<const Number> values_;
  std::shared_ptr<const void> holder_;
};

}  // namespace fasweep
