//! Instruction sets that products and loops of this process use.

/// Names of the instruction sets beyond the architecture's baseline that this crate and the libraries under it pick on this
/// processor; tiles also by what the system permits, and vectors of bfloat16 where they are faster than `f32` and no tiles are used.
#[must_use]
pub fn instruction_sets() -> Vec<&'static str> {
    let mut names = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        let has_avx512 = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512bw");
        for (name, is_used) in [
            ("AVX2", is_x86_feature_detected!("avx2")),
            ("FMA", is_x86_feature_detected!("fma")),
            ("AVX-512", has_avx512),
            ("AVX-512 VNNI", has_avx512 && is_x86_feature_detected!("avx512vnni")),
            ("AVX512-BF16", crate::bf16::kernel() == Some(crate::bf16::Bf16Kernel::Vectors)),
            ("AMX BF16", crate::tiles::has_bf16()),
            ("AMX INT8", crate::tiles::has_int8()),
        ] {
            names.extend(is_used.then_some(name));
        }
    }
    #[cfg(target_arch = "aarch64")]
    {
        for (name, is_used) in [
            ("NEON", std::arch::is_aarch64_feature_detected!("neon")),
            ("dot products", std::arch::is_aarch64_feature_detected!("dotprod")),
        ] {
            names.extend(is_used.then_some(name));
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::precision::MatmulPrecision;

    #[test]
    fn instructions_for_bfloat16_are_named_where_products_use_them() {
        let sets = instruction_sets();
        let has = |name| sets.contains(&name);
        assert_eq!(has("AMX BF16") || has("AVX512-BF16"), MatmulPrecision::Bf16.is_supported());
        assert_eq!(has("AMX BF16"), MatmulPrecision::Bf16x3.is_supported());
        assert!(!(has("AMX BF16") && has("AVX512-BF16")));
    }
}
