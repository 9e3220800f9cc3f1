//! Written by `hack/aws-models/generate.py`.

aws::operations! {
    BatchCheckLayerAvailability,
    BatchDeleteImage,
    BatchGetImage,
    CreateRepository,
    DeleteRepository,
    DescribeImages,
    DescribeRepositories,
    GetAuthorizationToken,
    ListImages,
    ListTagsForResource,
    PutImage,
    PutImageTagMutability,
    TagResource,
    UntagResource,
}
