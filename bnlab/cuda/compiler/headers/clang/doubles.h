// The functions of double precision, from the textbook: reduce the range, then sum a series.
#pragma once
__lab__ double fabs(double x) { return __builtin_fabs(x); }
__lab__ double copysign(double x, double sign) { return __builtin_copysign(x, sign); }
__lab__ double fma(double x, double y, double z) { return __nvvm_fma_rn_d(x, y, z); }
__lab__ double sqrt(double x) { return __nvvm_sqrt_rn_d(x); }
__lab__ double rsqrt(double x) { return 1 / sqrt(x); }
__lab__ double fmin(double x, double y) { return __nvvm_fmin_d(x, y); }
__lab__ double fmax(double x, double y) { return __nvvm_fmax_d(x, y); }
__lab__ double floor(double x) { return __nvvm_floor_d(x); }
__lab__ double ceil(double x) { return __nvvm_ceil_d(x); }
__lab__ double trunc(double x) { return __nvvm_trunc_d(x); }
__lab__ double rint(double x) { return __builtin_roundeven(x); }
__lab__ double nearbyint(double x) { return rint(x); }
__lab__ double round(double x) {
  double whole = trunc(x);
  return fabs(x - whole) >= 0.5 ? whole + copysign(1.0, x) : whole;
}
__lab__ double fdim(double x, double y) { return x > y ? x - y : (x <= y ? 0 : x + y); }

// x * 2^n, in two steps so that the result may be subnormal.
__lab__ double ldexp(double x, int n) {
  n = n > 2098 ? 2098 : (n < -2098 ? -2098 : n);
  int half = n / 2;
  for (int i = 0; i < 2; ++i, half = n - half) {
    int quarter = half / 2;
    x *= __longlong_as_double((1023LL + quarter) << 52);
    x *= __longlong_as_double((1023LL + half - quarter) << 52);
  }
  return x;
}

__lab__ double exp(double x) {
  if (x != x) return x;
  if (x > 709.8) return __longlong_as_double(0x7ff0000000000000LL);
  if (x < -745.2) return 0;
  double n = rint(x * 1.4426950408889634);
  double r = fma(n, -6.93147180369123816490e-01, x);  // ln 2 in two parts
  r = fma(n, -1.90821492927058770002e-10, r);
  double sum = 1.0;
#pragma unroll
  for (int k = 13; k > 0; --k) sum = fma(sum, r * (1.0 / k), 1.0);
  return ldexp(sum, (int)n);
}

__lab__ double log(double x) {
  if (!(x > 0)) return x == 0 ? -__longlong_as_double(0x7ff0000000000000LL) : (x - x) / 0.0;
  if (x > 1.7976931348623157e308) return x;
  int n = 0;
  if (x < 2.2250738585072014e-308) x *= 18014398509481984.0, n = -54;
  long long bits = __double_as_longlong(x);
  n += (int)(bits >> 52) - 1023;
  double m = __longlong_as_double((bits & 0xfffffffffffffLL) | 0x3ff0000000000000LL);
  if (m > 1.4142135623730951) m *= 0.5, ++n;
  double s = (m - 1) / (m + 1), square = s * s, sum = 0;  // log m = 2 artanh s
#pragma unroll
  for (int k = 23; k > 1; k -= 2) sum = fma(sum, square, 1.0 / k);
  double tail = fma(2 * s * square, sum, n * 1.90821492927058770002e-10);
  return n * 6.93147180369123816490e-01 + (2 * s + tail);
}

// Kahan: the rounding error of 1 + x cancels in the quotient.
__lab__ double log1p(double x) {
  double u = 1 + x;
  if (u == 1) return x;
  return u - u != 0 ? log(u) : log(u) * (x / (u - 1));
}
__lab__ double expm1(double x) {
  double u = exp(x), less = u - 1;
  if (u == 1) return x;
  if (less == -1 || u - u != 0) return less;
  return less * (x / log(u));
}
__lab__ double exp2(double x) {
  double n = rint(x);
  return fabs(x) < 2000 ? ldexp(exp((x - n) * 0.6931471805599453), (int)n) : exp(x);
}
__lab__ double exp10(double x) { return exp(x * 2.302585092994046); }
__lab__ double log2(double x) { return log(x) * 1.4426950408889634; }
__lab__ double log10(double x) { return log(x) * 0.4342944819032518; }

// Long division: fma makes each remainder exact.
__lab__ double fmod(double x, double y) {
  double r = fabs(x), d = fabs(y);
  if (!(r < __longlong_as_double(0x7ff0000000000000LL)) || !(d > 0)) return (x - x) / (y * 0);
  while (r >= d) {
    double step = r / d > 1e300 ? ldexp(d, 900) : d;
    double rest = fma(-trunc(r / step), step, r);
    r = rest < 0 ? rest + step : rest;
  }
  return copysign(r, x);
}

__lab__ double remainder(double x, double y) {
  double r = fmod(fabs(x), 2 * fabs(y)), d = fabs(y);
  if (r > d || (r == d && fmod(fabs(x), 4 * d) > 2 * d)) r -= 2 * d;
  if (2 * r > d) r -= d;
  if (2 * r < -d) r += d;
  return __double_as_longlong(x) < 0 ? -r : r;
}
__lab__ double modf(double x, double *whole) {
  *whole = trunc(x);
  return copysign(x - *whole, x);
}
__lab__ double frexp(double x, int *n) {
  *n = 0;
  if (x == 0 || x - x != 0) return x;
  if (fabs(x) < 2.2250738585072014e-308) x *= 18014398509481984.0, *n = -54;
  long long bits = __double_as_longlong(x);
  *n += (int)(bits >> 52 & 0x7ff) - 1022;
  return __longlong_as_double((bits & 0x800fffffffffffffLL) | 0x3fe0000000000000LL);
}

__lab__ double pow(double x, double y) {
  if (y == 0 || x == 1) return 1;
  double size = exp(y * log(fabs(x)));
  if (x >= 0 || x != x) return size;
  if (y != trunc(y)) return fabs(y) > 1.7976931348623157e308 ? size : (x - x) / 0.0;
  return fmod(y, 2.0) != 0 ? -size : size;
}
__lab__ double cbrt(double x) {
  if (x == 0 || x - x != 0) return x;
  double r = exp(log(fabs(x)) / 3);
  r -= (r - fabs(x) / (r * r)) / 3;  // one step of Newton's
  return copysign(r, x);
}
__lab__ double rcbrt(double x) { return 1 / cbrt(x); }
__lab__ double hypot(double x, double y) {
  double a = fmax(fabs(x), fabs(y)), b = fmin(fabs(x), fabs(y));
  return a == 0 || a - a != 0 ? a + b : a * sqrt(fma(b / a, b / a, 1.0));
}

__lab__ double sinh(double x) {
  double e = expm1(fabs(x));
  return copysign(e > 1e300 ? e : (e + e / (e + 1)) / 2, x);
}
__lab__ double cosh(double x) {
  double e = exp(fabs(x));
  return (e + 1 / e) / 2;
}
__lab__ double tanh(double x) {
  double e = expm1(2 * fabs(x));
  return copysign(fabs(x) > 20 ? 1.0 : (x != x ? x : e / (e + 2)), x);
}
__lab__ double asinh(double x) {
  double a = fabs(x);
  return copysign(log1p(a + a * a / (1 + sqrt(a * a + 1))), x);
}
__lab__ double acosh(double x) { return log1p(x - 1 + sqrt((x - 1) * (x + 1))); }
__lab__ double atanh(double x) { return log1p(2 * x / (1 - x)) / 2; }

// sin and cos of what is left of x after whole quarter turns; the caller picks by the turns.
__lab__ double __lab_sine(double x, int turns) {
  double n = rint(x * 0.6366197723675814);
  double r = fma(n, -1.5707963267948966, x);  // pi / 2 in three parts
  r = fma(n, -6.123233995736766e-17, r);
  r = fma(n, 1.4973849048591833e-33, r);
  double square = r * r, even = 1, odd = 1;
#pragma unroll
  for (int k = 18; k > 0; k -= 2) {
    even = fma(even, -square * (1.0 / (k * (k - 1))), 1.0);
    odd = fma(odd, -square * (1.0 / (k * (k + 1))), 1.0);
  }
  int quarter = ((int)(long long)n + turns) & 3;
  double value = quarter & 1 ? even : odd * r;
  return quarter & 2 ? -value : value;
}
__lab__ double sin(double x) { return __lab_sine(x, 0); }
__lab__ double cos(double x) { return __lab_sine(x, 1); }
__lab__ double tan(double x) { return sin(x) / cos(x); }
__lab__ double sinpi(double x) { return sin(fmod(x, 2.0) * 3.141592653589793); }
__lab__ double cospi(double x) { return cos(fmod(x, 2.0) * 3.141592653589793); }
__lab__ void sincos(double x, double *s, double *c) { *s = sin(x), *c = cos(x); }

__lab__ double atan(double x) {
  double t = fabs(x), base = 0, sum = 0;
  if (t > 2.414213562373095) base = 1.5707963267948966, t = -1 / t;
  else if (t > 0.4142135623730950) base = 0.7853981633974483, t = (t - 1) / (t + 1);
  t = t / (1 + sqrt(fma(t, t, 1.0)));  // half the angle
  double square = -t * t;
#pragma unroll
  for (int k = 23; k > 0; k -= 2) sum = fma(sum, square, 1.0 / k);
  return copysign(base + 2 * t * sum, x);
}
__lab__ double atan2(double y, double x) {
  if (x == 0 && y == 0) return copysign(__double_as_longlong(x) < 0 ? 3.141592653589793 : 0.0, y);
  if (fabs(y) > fabs(x)) return copysign(1.5707963267948966, y) - atan(x / y);
  return atan(y / x) + (x < 0 ? copysign(3.141592653589793, y) : 0);
}
__lab__ double asin(double x) { return atan2(x, sqrt((1 - x) * (1 + x))); }
__lab__ double acos(double x) { return atan2(sqrt((1 - x) * (1 + x)), x); }

// erfc by its continued fraction from 2 on, erf by its series before.
__lab__ double __lab_erfc_tail(double x) {
  double f = x;
  for (int k = 60; k > 0; --k) f = x + 0.5 * k / f;
  return exp(-x * x) / (f * 1.7724538509055159);
}
__lab__ double erf(double x) {
  double a = fabs(x);
  if (a >= 2) return copysign(a > 6 ? 1.0 : 1 - __lab_erfc_tail(a), x);
  double term = x, sum = x;
  for (int k = 1; k < 40; ++k) term *= 2 * x * x / (2 * k + 1), sum += term;
  return sum * exp(-x * x) * 1.1283791670955126;
}
__lab__ double erfc(double x) {
  if (x >= 2) return x > 27.3 ? 0.0 : __lab_erfc_tail(x);
  return 1 - erf(x);
}
// Lanczos' sum with g = 7.
__lab__ double __lab_log_gamma(double x) {
  const double c[8] = {676.5203681218851,     -1259.1392167224028,  771.3234287776531,
                       -176.6150291621406,    12.507343278686905,   -0.13857109526572012,
                       9.984369578019572e-06, 1.5056327351493116e-07};
  double sum = 0.9999999999998099, t = x + 6.5;
#pragma unroll
  for (int k = 0; k < 8; ++k) sum += c[k] / (x + k);
  return 0.9189385332046727 + (x - 0.5) * log(t) - t + log(sum);
}
__lab__ double lgamma(double x) {
  if (x >= 0.5) return __lab_log_gamma(x);
  return log(3.141592653589793 / fabs(sinpi(x))) - __lab_log_gamma(1 - x);
}
__lab__ double normcdf(double x) { return erfc(x * -0.7071067811865476) / 2; }
