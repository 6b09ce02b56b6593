#include "util/enum_names.hpp"

#include <array>

#include <gtest/gtest.h>

namespace fasweep {
namespace {

enum class Fruit { apple, pear };

TEST(EnumNames, CoverEveryEnumerator) {
  constexpr std::array<std::string_view, 2> two{"apple", "pear"};
  constexpr std::array<std::string_view, 1> too_few{"apple"};
  constexpr std::array<std::string_view, 3> too_many{"apple", "pear", "plum"};
  constexpr std::array<std::string_view, 2> one_missing{"apple"};

  static_assert(names_cover<Fruit>(two));
  EXPECT_FALSE(names_cover<Fruit>(too_few));
  EXPECT_FALSE(names_cover<Fruit>(too_many));
  EXPECT_FALSE(names_cover<Fruit>(one_missing));
}

TEST(EnumNames, KnowWhatIsAnEnumerator) {
  EXPECT_TRUE(is_enumerator<Fruit::pear>());
  EXPECT_FALSE(is_enumerator<static_cast<Fruit>(2)>());
}

}  // namespace
}  // namespace fasweep
