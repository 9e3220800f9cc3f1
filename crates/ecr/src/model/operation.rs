//! Written by `hack/aws-models/generate.py`.

aws::operations! {
    BatchDeleteImage,
    BatchGetImage,
    CreateRepository,
    DeleteRepository,
    DescribeImages,
    DescribeRepositories,
    GetAuthorizationToken,
    ListImages,
    ListTagsForResource,
    PutImageTagMutability,
    TagResource,
    UntagResource,
}
