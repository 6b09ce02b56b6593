// A check, when compiling, that an array of names has one name for each enumerator: an enumerator added without a name,
// or a name without an enumerator, does not compile.
#pragma once

#include <cstddef>
#include <string_view>
#include <utility>

namespace fasweep {

/// Whether `value` is one of its type's enumerators. Compilers write one by its name, any other value as a cast.
template <auto value>
[[nodiscard]] constexpr bool is_enumerator() {
  constexpr std::string_view text = __PRETTY_FUNCTION__;
  constexpr std::size_t at = text.find("value = ") + std::string_view("value = ").size();
  return text[at] != '(';
}

/// Whether the enumerators of Enum are 0, 1, ... and `names` has as many names, none of them empty.
template <class Enum, class Names>
[[nodiscard]] constexpr bool names_cover(const Names& names) {
  constexpr std::size_t count = std::size(Names{});
  const bool all = []<std::size_t... i>(std::index_sequence<i...>) {
    return (is_enumerator<static_cast<Enum>(i)>() && ...);
  }
  (std::make_index_sequence<count>());
  for (const std::string_view name : names) {
    if (name.empty()) {
      return false;
    }
  }
  return all && !is_enumerator<static_cast<Enum>(count)>();
}

}  // namespace fasweep
