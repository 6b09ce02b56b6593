// exp, tanh, softplus, erf and erfc without branches or tables, so that compilers vectorise loops over them and every
// backend shares one formula. T is float, double or a vector of either: a vector type specialises `is_single` and
// brings its own larger, smaller, if_less, positive_part, is_positive and times_power_of_two. float: within 6 ulp of
// the exact value, double: within 3 ulp for exp and tanh; what the others keep stands with them (elementary_test.cpp
// holds all to that). Coefficients: Cephes (exp.c, expf.c, tanh.c, ndtr.c; Moshier) and, for float tanh, the minimax
// quotient that Eigen 3.4 uses.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "util/host_device.hpp"

namespace fasweep::elementary {

/// Whether T holds float32 numbers.
template <class T>
inline constexpr bool is_single = std::is_same_v<T, float>;

/// The larger (smaller) of two numbers, `a` if either is not a number: the form compilers turn into one instruction.
template <class T>
FASWEEP_HOST_DEVICE inline T larger(T a, T b) {
  return b > a ? b : a;
}
template <class T>
FASWEEP_HOST_DEVICE inline T smaller(T a, T b) {
  return b < a ? b : a;
}

/// `yes` where a < b, else `no`.
template <class T>
FASWEEP_HOST_DEVICE inline T if_less(T a, T b, T yes, T no) {
  return a < b ? yes : no;
}

/// max(z, 0).
template <class T>
FASWEEP_HOST_DEVICE inline T positive_part(T z) {
  return larger(z, T(0));
}

/// 1 where z > 0, else 0.
template <class T>
FASWEEP_HOST_DEVICE inline T is_positive(T z) {
  return z > T(0) ? T(1) : T(0);
}

/// value * 2^exponent for |exponent| within the normal range. exponent is a whole number held in a T.
template <class T>
FASWEEP_HOST_DEVICE inline T times_power_of_two(T value, T exponent) {
  if constexpr (std::is_same_v<T, float>) {
    // Adding 1.5 * 2^23 leaves the whole number in the low bits; of not a number, whatever it has there.
    const float shifted = exponent + (12582912.0F + 127.0F);
    std::uint32_t bits;
    std::memcpy(&bits, &shifted, sizeof bits);
    bits <<= 23U;
    float factor;
    std::memcpy(&factor, &bits, sizeof factor);
    return value * factor;
  } else {
    // As above with 2^52, which vectorises where a conversion to int64 does not.
    const double shifted = exponent + (6755399441055744.0 + 1023.0);
    std::int64_t bits;
    std::memcpy(&bits, &shifted, sizeof bits);
    bits = static_cast<std::int64_t>(static_cast<std::uint64_t>(bits) << 52U);
    double factor;
    std::memcpy(&factor, &bits, sizeof factor);
    return value * factor;
  }
}

/// The whole number nearest to z, |z| < 2^22 (float) or 2^51 (double).
template <class T>
FASWEEP_HOST_DEVICE inline T nearest(T z) {
  const T big = T(is_single<T> ? 12582912.0 : 6755399441055744.0);
  return (z + big) - big;
}

/// e^z. Arguments are clamped so that the result stays a normal number: [-87, 88] for float, [-708, 709] for double.
template <class T>
FASWEEP_HOST_DEVICE inline T exp(T z) {
  constexpr bool single = is_single<T>;
  z = smaller(larger(z, T(single ? -87.0 : -708.0)), T(single ? 88.0 : 709.0));
  const T k = nearest(z * T(1.44269504088896340736));
  if constexpr (single) {
    T r = z - k * T(0.693359375);
    r = r - k * T(-2.12194440e-4);
    T s = T(1.9875691500e-4);
    s = s * r + T(1.3981999507e-3);
    s = s * r + T(8.3334519073e-3);
    s = s * r + T(4.1665795894e-2);
    s = s * r + T(1.6666665459e-1);
    s = s * r + T(5.0000001201e-1);
    return times_power_of_two(s * r * r + r + T(1), k);
  } else {
    T r = z - k * T(6.93145751953125e-1);
    r = r - k * T(1.42860682030941723212e-6);
    const T rr = r * r;
    const T odd =
        r * ((T(1.26177193074810590878e-4) * rr + T(3.02994407707441961300e-2)) * rr + T(9.99999999999999999910e-1));
    const T even =
        ((T(3.00198505138664455042e-6) * rr + T(2.52448340349684104192e-3)) * rr + T(2.27265548208155028766e-1)) * rr +
        T(2);
    return times_power_of_two(T(1) + T(2) * (odd / (even - odd)), k);
  }
}

/// Hyperbolic tangent.
template <class T>
FASWEEP_HOST_DEVICE inline T tanh(T z) {
  if constexpr (is_single<T>) {
    const T x = smaller(larger(z, T(-7.90531110763549805)), T(7.90531110763549805));
    const T xx = x * x;
    T odd = T(-2.76076847742355e-16);
    odd = odd * xx + T(2.00018790482477e-13);
    odd = odd * xx + T(-8.60467152213735e-11);
    odd = odd * xx + T(5.12229709037114e-08);
    odd = odd * xx + T(1.48572235717979e-05);
    odd = odd * xx + T(6.37261928875436e-04);
    odd = odd * xx + T(4.89352455891786e-03);
    T even = T(1.19825839466702e-06);
    even = even * xx + T(1.18534705686654e-04);
    even = even * xx + T(2.26843463243900e-03);
    even = even * xx + T(4.89352518554385e-03);
    return x * odd / even;
  } else {
    const T zz = z * z;
    const T p = (T(-9.64399179425052238628e-1) * zz + T(-9.92877231001918586564e1)) * zz + T(-1.61468768441708447952e3);
    const T q =
        ((zz + T(1.12811678491632931402e2)) * zz + T(2.23548839060100448583e3)) * zz + T(4.84406305325125486048e3);
    const T small = z + z * zz * (p / q);
    const T magnitude = larger(z, T(0) - z);
    const T large = T(1) - T(2) / (exp(T(2) * magnitude) + T(1));
    return if_less(magnitude, T(0.625), small, if_less(z, T(0), T(0) - large, large));
  }
}

/// |z|.
template <class T>
FASWEEP_HOST_DEVICE inline T absolute(T z) {
  return larger(z, T(0) - z);
}

/// sum_{i = k}^{last} x^(i - k) / (2 i + 1).
template <int k, int last, class T>
FASWEEP_HOST_DEVICE inline T odd_series(T x) {
  if constexpr (k == last) {
    return T(1.0 / (2 * k + 1));
  } else {
    return T(1.0 / (2 * k + 1)) + x * odd_series<k + 1, last>(x);
  }
}

/// log(1 + u), 0 <= u <= 1, within 4 ulp: 2 artanh(s) with s = u / (2 + u) <= 1/3, whose series of odd powers is cut
/// where 9^-k is below the precision.
template <class T>
FASWEEP_HOST_DEVICE inline T log_one_plus(T u) {
  const T s = u / (T(2) + u);
  return T(2) * s * odd_series < 0, is_single<T> ? 7 : 17 > (s * s);
}

/// log(1 + e^z), within 8 ulp for float and 6 for double where z > -80.
template <class T>
FASWEEP_HOST_DEVICE inline T softplus(T z) {
  return positive_part(z) + log_one_plus(exp(T(0) - absolute(z)));
}

/// erf(z) for |z| < 1.
template <class T>
FASWEEP_HOST_DEVICE inline T erf_near(T z) {
  const T x = z * z;
  T p = T(9.60497373987051638749e0);
  p = p * x + T(9.00260197203842689217e1);
  p = p * x + T(2.23200534594684319226e3);
  p = p * x + T(7.00332514112805075473e3);
  p = p * x + T(5.55923013010394962768e4);
  T q = x + T(3.35617141647503099647e1);
  q = q * x + T(5.21357949780152679795e2);
  q = q * x + T(4.59432382970980127987e3);
  q = q * x + T(2.26290000613890934246e4);
  q = q * x + T(4.92673942608635921086e4);
  return z * (p / q);
}

/// erfc(a) for 1 <= a <= 8; beyond, that of 8, which is 1e-29.
template <class T>
FASWEEP_HOST_DEVICE inline T erfc_far(T a) {
  const T x = smaller(a, T(8));
  T p = T(2.46196981473530512524e-10);
  p = p * x + T(5.64189564831068821977e-1);
  p = p * x + T(7.46321056442269912687e0);
  p = p * x + T(4.86371970985681366614e1);
  p = p * x + T(1.96520832956077098242e2);
  p = p * x + T(5.26445194995477358631e2);
  p = p * x + T(9.34528527171957607540e2);
  p = p * x + T(1.02755188689515710272e3);
  p = p * x + T(5.57535335369399327526e2);
  T q = x + T(1.32281951154744992508e1);
  q = q * x + T(8.67072140885989742329e1);
  q = q * x + T(3.54937778887819891062e2);
  q = q * x + T(9.75708501743205489753e2);
  q = q * x + T(1.82390916687909736289e3);
  q = q * x + T(2.24633760818710981792e3);
  q = q * x + T(1.65666309194161350182e3);
  q = q * x + T(5.57535340817727675546e2);
  return exp(T(0) - x * x) * (p / q);
}

/// The error function, within 4 ulp.
template <class T>
FASWEEP_HOST_DEVICE inline T erf(T z) {
  const T a = absolute(z);
  const T far = T(1) - erfc_far(a);
  return if_less(a, T(1), erf_near(z), if_less(z, T(0), T(0) - far, far));
}

/// 1 - erf(z). Within 4 ulp of 1 absolutely; for z >= 1 also within (4 + 2 z^2) ulp of itself, as e^-z^2 is rounded.
template <class T>
FASWEEP_HOST_DEVICE inline T erfc(T z) {
  const T a = absolute(z);
  const T upper = if_less(a, T(1), T(1) - erf_near(a), erfc_far(a));
  return if_less(z, T(0), T(2) - upper, upper);
}

}  // namespace fasweep::elementary
