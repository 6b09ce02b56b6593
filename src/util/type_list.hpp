// Named alternatives known to users (activations, rules, schedules, ...): each is a struct with a `name`, and a
// TypeList of such structs is the only place that lists them. Config values, help, file attributes and typed tests
// follow from it.
#pragma once

#include <array>
#include <cassert>
#include <cstddef>
#include <optional>
#include <string_view>
#include <type_traits>

namespace fasweep {

template <class... Types>
struct TypeList {
  static constexpr int size = sizeof...(Types);
  static constexpr std::array<std::string_view, sizeof...(Types)> names{Types::name...};

  /// Position of the type called `name`, or nothing.
  [[nodiscard]] static std::optional<int> find(std::string_view name) {
    for (int i = 0; i < size; ++i) {
      if (names[static_cast<std::size_t>(i)] == name) {
        return i;
      }
    }
    return std::nullopt;
  }

  /// Position of `Type`, which is in the list.
  template <class Type>
  [[nodiscard]] static constexpr int index_of() {
    static_assert((std::is_same_v<Type, Types> || ...), "this type is not in the list");
    int index = 0;
    static_cast<void>(((std::is_same_v<Type, Types> || (++index, false)) || ...));
    return index;
  }

  /// Calls `visitor(std::type_identity<T>{})` for the type at `index` and returns its result. index: 0..size-1.
  template <class Visitor>
  static decltype(auto) visit(int index, Visitor&& visitor) {
    assert(index >= 0 && index < size);
    return visit_from<Types...>(index, visitor);
  }

  /// Calls `visitor(std::type_identity<T>{})` for every type in order.
  template <class Visitor>
  static constexpr void for_each(Visitor&& visitor) {
    (visitor(std::type_identity<Types>{}), ...);
  }

 private:
  template <class First, class... Rest, class Visitor>
  static decltype(auto) visit_from(int index, Visitor& visitor) {
    if constexpr (sizeof...(Rest) > 0) {
      if (index > 0) {
        return visit_from<Rest...>(index - 1, visitor);
      }
    }
    return visitor(std::type_identity<First>{});
  }
};

template <class List, template <class> class Keeps, class... Kept>
struct Filter {
  using Type = TypeList<Kept...>;
};
template <class First, class... Rest, template <class> class Keeps, class... Kept>
struct Filter<TypeList<First, Rest...>, Keeps, Kept...>
    : std::conditional_t<Keeps<First>::value, Filter<TypeList<Rest...>, Keeps, Kept..., First>,
                         Filter<TypeList<Rest...>, Keeps, Kept...>> {};

/// A list of the types of `List` whose Keeps<Type>::value is true, in their order.
template <class List, template <class> class Keeps>
using Filtered = typename Filter<List, Keeps>::Type;

}  // namespace fasweep
