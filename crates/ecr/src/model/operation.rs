//! Written by `hack/aws-models/generate.py`.

aws::operations! {
    BatchCheckLayerAvailability,
    BatchDeleteImage,
    BatchGetImage,
    CreateRepository,
    DeleteRepository,
    DeleteRepositoryPolicy,
    DescribeImages,
    DescribeRegistry,
    DescribeRepositories,
    GetAuthorizationToken,
    GetRepositoryPolicy,
    ListImages,
    ListTagsForResource,
    PutImage,
    PutImageTagMutability,
    SetRepositoryPolicy,
    TagResource,
    UntagResource,
}
