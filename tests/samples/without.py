"""Operators of PyTorch that have no spelling in symdl, with a word why."""

from __future__ import annotations

REASONS = {
    "PyTorch's random numbers": """
        cauchy exponential geometric log_normal normal.in_place uniform randn randn_like rand_like
        randint randint_like multinomial normal normal.number_mean bernoulli
        nn.functional.feature_alpha_dropout.with_train nn.functional.feature_alpha_dropout.without_train
        nn.functional.fractional_max_pool2d nn.functional.fractional_max_pool3d svd_lowrank pca_lowrank
    """,
    "memory, not mathematics": """
        empty empty_like new_empty new_empty_strided empty_strided empty_permuted resize_ resize_as_
        zero_ as_strided.partial_views as_strided_scatter item to bfloat16 bool byte char double float
        half int long short scalar_tensor to_sparse hash_tensor
    """,
    "complex numbers": """
        view_as_complex complex polar cdouble cfloat chalf stft linalg.eig linalg.eigvals fft.fft
        fft.fft2 fft.fftn fft.hfft fft.hfft2 fft.hfftn fft.rfft fft.rfft2 fft.rfftn fft.ifft fft.ifft2
        fft.ifftn fft.ihfft fft.ihfft2 fft.ihfftn fft.irfft fft.irfft2 fft.irfftn
    """,
    "sizes that depend on values": """
        masked_select masked_scatter unique unique_consecutive nonzero nonzero_static argwhere
    """,
    "an inner function of PyTorch": """
        _softmax_backward_data max_pool2d_with_indices_backward native_dropout_backward
        _native_batch_norm_legit _batch_norm_with_update native_batch_norm native_group_norm _chunk_cat
        _unsafe_masked_index _unsafe_masked_index_put_accumulate _upsample_bilinear2d_aa
        nn.functional.linear_cross_entropy nn.functional.linear_cross_entropy.chunked
        nn.functional.linear_cross_entropy.chunked_none nn.functional.multi_head_attention_forward
        torch.ops.aten._safe_softmax.default jiterator_unary jiterator_binary
        jiterator_4inputs_with_extra_args jiterator_binary_return_by_ref jiterator_2inputs_2outputs
        bmm.triton_optimized _segment_reduce.lengths _segment_reduce.offsets
    """,
    "sparse layouts": """
        sparse.sampled_addmm sparse.mm.reduce
    """,
    "factors with pivots, or as LAPACK packs them": """
        geqrf ormqr lu_unpack lu lu_solve linalg.householder_product linalg.ldl_factor
        linalg.ldl_factor_ex linalg.ldl_solve linalg.lu_factor linalg.lu_factor_ex linalg.lu
        linalg.lu_solve
    """,
    "singular values below a tolerance": """
        linalg.matrix_rank linalg.matrix_rank.hermitian linalg.pinv.singular linalg.pinv.hermitian
    """,
    "the bits of a number": """
        frexp nextafter
    """,
    "positions inside windows": """
        nn.functional.max_unpool1d nn.functional.max_unpool1d.grad nn.functional.max_unpool2d
        nn.functional.max_unpool2d.grad nn.functional.max_unpool3d nn.functional.max_unpool3d.grad
    """,
    "histograms": """
        histogram histogramdd histc
    """,
    "no spelling yet": """
        gradient nn.functional.embedding_bag grid_sampler_3d signal.windows.hamming signal.windows.hann
        signal.windows.bartlett signal.windows.blackman signal.windows.cosine signal.windows.exponential
        signal.windows.gaussian signal.windows.kaiser signal.windows.general_cosine
        signal.windows.general_hamming signal.windows.nuttall special.chebyshev_polynomial_t
        special.chebyshev_polynomial_u special.chebyshev_polynomial_v special.chebyshev_polynomial_w
        special.hermite_polynomial_h special.hermite_polynomial_he special.laguerre_polynomial_l
        special.legendre_polynomial_p special.shifted_chebyshev_polynomial_t
        special.shifted_chebyshev_polynomial_u special.shifted_chebyshev_polynomial_v
        special.shifted_chebyshev_polynomial_w masked.sum masked.prod masked.cumsum masked.cumprod
        masked.amax masked.amin masked.argmax masked.argmin masked.mean masked.median masked.norm
        masked.var masked.std masked.softmax masked.log_softmax masked.softmin masked.normalize
        masked.logaddexp masked.logsumexp
    """,
}

WITHOUT = {name: reason for reason, names in REASONS.items() for name in names.split()}
