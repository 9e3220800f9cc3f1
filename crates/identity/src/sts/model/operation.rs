//! Written by `hack/aws-models/generate.py`.

aws::operations! {
    AssumeRole,
    AssumeRoleWithWebIdentity,
    GetCallerIdentity,
    GetSessionToken,
}
